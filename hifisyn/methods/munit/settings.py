"""What MUNIT alone has."""

from typing import Literal

from pydantic import Field

from hifisyn.methods.granularity import PixelGranularitySettings
from hifisyn.methods.munit.encoders import BLOCKS
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings

TestStyle = Literal["mean", "prior"]


class MUNITNetworkSettings(NetworkSettings):
    """Sizes of the networks."""

    attribute_code: int = Field(8, ge=1, description="entries of a style")
    init: Literal["normal", "he"] = Field("normal", description="of the discriminators; he: for narrow networks")


class MUNITSettings(Settings):
    """The published values are the defaults."""

    networks: MUNITNetworkSettings = MUNITNetworkSettings()
    blocks: int = Field(BLOCKS, ge=1, le=1000, description="residual blocks of a content encoder and of a decoder")
    adversarial: float = Field(1.0, ge=0, description="least squares, summed over three scales")
    reconstruction: float = Field(10.0, ge=0, description="L1 of an image rendered from its own content and style")
    style: float = Field(1.0, ge=0, description="L1 of the drawn style, encoded from the translation")
    content: float = Field(1.0, ge=0, description="L1 of the content, encoded from the translation")
    cycle: float = Field(10.0, ge=0, description="L1 of the image translated back in its own style; 0: no such cycle")
    halve_every: float = Field(
        0.1, gt=0, le=1, description="share of the run after which the rate is halved, each time"
    )
    test_style: TestStyle = Field(
        "mean", description="style of test images: mean over the target's training images, or prior: zeros"
    )
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the mean style")
    label_map: bool = Field(
        False, description="add HiFi-Syn's PGD with the label map, as `granularity` weighs it (its Table 6)"
    )
    granularity: PixelGranularitySettings = PixelGranularitySettings()
