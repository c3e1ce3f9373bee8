"""What HiFi-Syn alone has: bank, networks and losses; the published values are the defaults."""

from typing import Literal

from pydantic import Field

from hifisyn.losses.adversarial import Form
from hifisyn.methods.content_discriminator_trainer import ContentDiscriminatorSettings
from hifisyn.methods.granularity import PixelGranularitySettings
from hifisyn.methods.memory_slots import MemorySlots
from hifisyn.networks.blocks import Upsampling
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings


class MemorySettings(MemorySlots):
    """The Brain Memory Bank (section 3.2.1)."""

    tau_r: float = Field(
        0.1, gt=0, description="temperature of the read (eq. 1); 1 is the paper's silence taken literally"
    )
    tau_u: float = Field(0.1, gt=0, description="temperature of the update weights (eq. 6)")
    rho: float = Field(0.99, ge=0, le=1, description="share of the old item that an update keeps (eq. 4, 5)")
    warm_up: bool = Field(True, description="rho grows as n/(n+1) at first, n updates of the slot")
    reseed_after: int = Field(
        500, ge=0, description="steps without a pixel after which a slot gets a new seed; 0: never"
    )
    p_unlabelled: float = Field(0.5, ge=0, le=1, description="share of training steps that read as at test time")
    test_read: Literal["all", "global"] = "all"
    translation_read: Literal["blended", "stored"] = Field(
        "blended", description="values that translations read: with this batch blended in, or as stored before it"
    )
    scaled_read: bool = Field(True, description="S is multiplied by sqrt(V); eq. 3 prints no factor")
    update_pixels: Literal["assigned", "all"] = Field(
        "assigned", description="pixels over which u of eq. 6 is a softmax; all: as printed"
    )
    update_sums: Literal["unit", "raw"] = Field(
        "unit", description="sums of eq. 4 and 5: unit, those of keys averaged over contrasts; raw: added as printed"
    )


class HiFiSynNetworkSettings(NetworkSettings):
    """Sizes of the networks."""

    content_blocks: int = Field(
        3, ge=1, le=1000, description="residual blocks of the content encoder and of the generator"
    )
    attribute_code: int = Field(8, ge=1, description="entries of the global attribute code z^a")
    attribute_encoder: Literal["drit", "mguit"] = "drit"
    discriminator: Literal["single", "multiscale"] = "single"
    content_noise: float = Field(1.0, ge=0, description="std of the noise on content in training")
    init: Literal["normal", "he"] = Field("normal", description="he: for narrow networks, zero bias in E^a and D")
    upsampling: Upsampling = Field("3x3", description="of G: transposed 3x3 or 4x4 convolution, or resize")
    spectral_norm: bool = Field(False, description="every convolution of D has a spectral norm of 1")


class LossSettings(PixelGranularitySettings):
    """Weights and settings of the losses (eq. 7 to 17); a weight of 0 switches a loss off."""

    content: float = Field(1.0, ge=0, description="lambda_1, content adversarial")
    domain: float = Field(1.0, ge=0, description="lambda_2, domain adversarial")
    cycle: float = Field(10.0, ge=0, description="lambda_3, cross-cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="lambda_4, self-reconstruction L1")
    sgd: float = Field(2.0, ge=0, description="lambda_6, structure granularity discrimination")
    ggd: float = Field(1.0, ge=0, description="lambda_7, global granularity discrimination")
    pixel_negatives: Literal["both", "others"] = Field(
        "both", description="negatives of PGD: the own translation and other people's, or others' alone (eq. 7)"
    )
    other_pixels: int = Field(256, ge=1, description="pixels of other people's images that PGD pushes an image from")
    tau_2: float = Field(0.2, gt=0, description="temperature of SGD")
    tau_3: float = Field(0.1, gt=0, description="temperature of GGD")
    same_structure: Literal["push", "ignore"] = Field("push", description="same structure of other subjects in SGD")
    background_structure: bool = Field(True, description="background counts as a structure in SGD")
    region: Literal["mean", "map"] = Field(
        "mean", description="content of a structure; map: masked, as eq. 8 prints it"
    )
    difference: Literal["mean", "sum"] = Field("mean", description="difference in a structure; sum: as eq. 9 prints it")
    alpha_s: float = Field(0.5, ge=0, description="fall of the rank weight (eq. 10)")
    weight_inside: bool = Field(False, description="rank weight inside the exponent, as eq. 11 is printed")


class AdditionSettings(Settings):
    """What the paper has not; nothing of it unless it is asked for."""

    simulated: float = Field(
        10.0, ge=0, description="L1 to the truth in simulated batches, where `batches.shares` has them"
    )
    teacher: float = Field(0.0, ge=0, description="L1 to the base model's translation of the same slice, at the start")
    tissue: float = Field(
        0.0, ge=0, description="mean and spread of each tissue of a translation, held to the cohort's"
    )
    adversarial: Form = Field("cross entropy", description="distance of D's answers: cross entropy or least squares")
    r1: float = Field(0.0, ge=0, description="penalty on D's gradient at real images")

    @property
    def studies(self) -> bool:
        """Whether a loss asks how the tissues of the cohort look."""
        return self.teacher > 0 or self.tissue > 0


class HiFiSynSettings(Settings):
    """All of them."""

    memory: MemorySettings = MemorySettings()
    networks: HiFiSynNetworkSettings = HiFiSynNetworkSettings()
    losses: LossSettings = LossSettings()
    content_discriminator: ContentDiscriminatorSettings = ContentDiscriminatorSettings()
    additions: AdditionSettings = AdditionSettings()
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the running mean of z^a that prediction uses")
