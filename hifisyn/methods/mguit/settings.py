"""What MGUIT alone has."""

from typing import Literal

from pydantic import Field

from hifisyn.methods.content_discriminator_trainer import ContentDiscriminatorSettings
from hifisyn.methods.drit_initialisation import Init
from hifisyn.methods.granularity import PixelGranularitySettings
from hifisyn.methods.memory_slots import MemorySlots
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings

Masks = Literal["boxes", "labels"]


class MGUITNetworkSettings(NetworkSettings):
    """Sizes of the networks."""

    content_blocks: int = Field(
        3, ge=1, le=1000, description="residual blocks of the content encoder and of the generator"
    )
    init: Init = Field("normal", description="he: for narrow networks, zero bias in E^a and D")


class MGUITSettings(Settings):
    """The published values are the defaults, but for `contrast`."""

    memory: MemorySlots = MemorySlots()
    networks: MGUITNetworkSettings = MGUITNetworkSettings()
    content_discriminator: ContentDiscriminatorSettings = ContentDiscriminatorSettings()
    domain: float = Field(1.0, ge=0, description="domain adversarial, of read and of random styles")
    content: float = Field(1.0, ge=0, description="content adversarial")
    cycle: float = Field(50.0, ge=0, description="cycle L1")
    reconstruction: float = Field(10.0, ge=0, description="self-reconstruction L1")
    consistency: float = Field(1.0, ge=0, description="L1 between the content of an image and of its translation")
    style_l2: float = Field(0.01, ge=0, description="mean square of styles")
    key: float = Field(0.1, ge=0, description="contrastive loss of content and keys")
    value: float = Field(0.1, ge=0, description="contrastive loss of styles and values")
    contrast: Literal["info_nce", "official"] = Field(
        "info_nce", description="contrastive loss: over the items, as the paper means it, or as the published code is"
    )
    tau: float = Field(0.07, gt=0, description="temperature of the contrastive loss info_nce")
    read_tau: float = Field(1.0, gt=0, description="temperature of the read; 0.1 sharpens it")
    content_noise: float = Field(0.1, ge=0, description="std of the noise on content that the generator trains with")
    keep: float = Field(0.5, ge=0, le=1, description="share of the old item that an update of the memory keeps")
    masks: Masks = Field(
        "boxes", description="classes of pixels: from boxes around structures, or the label map itself"
    )
    label_map: bool = Field(
        False, description="add HiFi-Syn's PGD with the label map, as `granularity` weighs it (its Table 6)"
    )
    granularity: PixelGranularitySettings = PixelGranularitySettings()
