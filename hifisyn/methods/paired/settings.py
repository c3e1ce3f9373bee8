"""What Paired alone has."""

from pydantic import Field

from hifisyn.settings import Settings
from hifisyn.training.sizes import WidthSettings

WIDTH = 12


class UNetSettings(WidthSettings):
    """The base model's network."""

    width: int = Field(WIDTH, ge=2, description="channels at full size, twice as many after each of three halvings")


class PairedSettings(Settings):
    """Those of the base model's training are the defaults, as far as both have them."""

    networks: UNetSettings = UNetSettings()
    likelihood: float = Field(0.2, ge=0, le=1, description="share of the likelihood in the loss; the rest is L1")
    reach: int = Field(1, ge=0, le=3, description="pixels that a target may lie off, in either axis; 0: none")
    toll: float = Field(0.02, ge=0, lt=1, description="share of the error that a shift must save to be taken")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
