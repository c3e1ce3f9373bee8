"""What UVCGAN has beside CycleGAN."""

from pydantic import Field

from hifisyn.methods.cyclegan.settings import CycleGANSettings
from hifisyn.methods.uvcgan.pixel_vit import BLOCKS
from hifisyn.training.sizes import WidthSettings


class UVCGANSettings(CycleGANSettings):
    """The published values are the defaults, but for the length of pre-training."""

    # Always four levels: nobody may ask its networks for n_down, which CycleGAN's have.
    networks: WidthSettings = WidthSettings()  # type: ignore[assignment]
    blocks: int = Field(BLOCKS, ge=1, le=1000, description="transformer blocks of a generator")
    penalty: float = Field(0.1, ge=0, description="lambda_gp, gradient penalty, before division by norm^2")
    norm: float = Field(100.0, gt=0, description="gamma, the gradient norm of a discriminator that costs nothing")
    pretraining: float = Field(0.1, ge=0, lt=1, description="share of the run that fills in masked images; 0: none")
