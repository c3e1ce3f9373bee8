"""What RegGAN alone has."""

from typing import Literal

from pydantic import Field

from hifisyn.networks.resnet import BLOCKS
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings


class RegGANSettings(Settings):
    """The published values are the defaults; a part is switched off by the mode."""

    networks: NetworkSettings = NetworkSettings()
    mode: Literal["nc_r", "c_r", "c", "nc"] = Field(
        "nc_r", description="c: with a cycle, nc: without; r: with registration. nc_r is RegGAN"
    )
    blocks: int = Field(BLOCKS, ge=1, le=1000, description="residual blocks of a generator; 6 for images of 128 pixels")
    adversarial: float = Field(1.0, gt=0, description="weight of the adversarial losses")
    registration: float = Field(20.0, gt=0, description="weight of the L1 to the target after the warp")
    smoothness: float = Field(10.0, ge=0, description="weight of the smoothness of the field")
    cycle: float = Field(10.0, gt=0, description="weight of the cycle L1, in the modes with a cycle")
    pool: int = Field(50, ge=0, description="earlier translations that a discriminator sees again, with a cycle")

    @property
    def cycles(self) -> bool:
        """Whether translations are translated back."""
        return self.mode in ("c_r", "c")

    @property
    def registers(self) -> bool:
        """Whether translations are registered to targets."""
        return self.mode in ("nc_r", "c_r")
