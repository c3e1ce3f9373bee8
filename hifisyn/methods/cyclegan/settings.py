"""What CycleGAN alone has."""

from pydantic import Field

from hifisyn.networks.resnet import BLOCKS
from hifisyn.settings import Settings
from hifisyn.training.sizes import NetworkSettings


class CycleGANSettings(Settings):
    """The published values are the defaults."""

    networks: NetworkSettings = NetworkSettings()
    blocks: int = Field(BLOCKS, ge=1, le=1000, description="residual blocks of a generator; 6 for images of 128 pixels")
    cycle: float = Field(10.0, ge=0, description="lambda, cycle L1")
    identity: float = Field(0.5, ge=0, description="lambda_idt, identity L1, as a share of the cycle weight")
    pool: int = Field(50, ge=0, description="earlier translations that a discriminator sees again")
