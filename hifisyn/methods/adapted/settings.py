"""What Adapted alone has."""

from pydantic import Field

from hifisyn.settings import Settings
from hifisyn.training.sizes import WidthSettings

WIDTH = 24


class AdaptedNetworkSettings(WidthSettings):
    """The base model's network."""

    width: int = Field(WIDTH, ge=2, description="channels at full size: those of the base model")


class AdaptedSettings(Settings):
    """Those of the base model's training are the defaults, as far as both have them."""

    networks: AdaptedNetworkSettings = AdaptedNetworkSettings()
    likelihood: float = Field(0.2, ge=0, le=1, description="share of the likelihood in the loss; the rest is L1")
    way: float = Field(0.5, gt=0, le=1, description="share of the way from the base model's weights that is taken")
    noise: float = Field(0.03, ge=0, description="standard deviation of the noise on a translation that is an input")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
