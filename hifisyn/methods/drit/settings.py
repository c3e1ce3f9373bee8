"""What DRIT++ alone has."""

from pydantic import Field

from hifisyn.methods.content_discriminator_trainer import ContentDiscriminatorSettings
from hifisyn.methods.drit_initialisation import Init
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings


class DRITNetworkSettings(NetworkSettings):
    """Sizes of the networks."""

    content_blocks: int = Field(
        3, ge=1, le=1000, description="residual blocks of the content encoder and of the generator"
    )
    attribute_code: int = Field(8, ge=1, description="entries of the attribute code z^a")
    content_noise: float = Field(1.0, ge=0, description="std of the noise on content in training")
    init: Init = Field("normal", description="he: for narrow networks, zero bias in E^a and the discriminators")


class DRITSettings(Settings):
    """The published values are the defaults."""

    networks: DRITNetworkSettings = DRITNetworkSettings()
    content_discriminator: ContentDiscriminatorSettings = ContentDiscriminatorSettings()
    domain: float = Field(1.0, ge=0, description="domain adversarial, of encoded and of random codes")
    content: float = Field(1.0, ge=0, description="content adversarial")
    cycle: float = Field(10.0, ge=0, description="cross-cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="self-reconstruction L1")
    kl: float = Field(0.01, ge=0, description="KL of the attribute code to N(0, I)")
    content_l2: float = Field(0.01, ge=0, description="mean square of content")
    latent: float = Field(10.0, ge=0, description="L1 of a random code, encoded from the image rendered with it")
    mode_seeking: float = Field(1.0, ge=0, description="mode seeking; 0: DRIT, with one random code a step")
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the running mean of z^a that prediction uses")
