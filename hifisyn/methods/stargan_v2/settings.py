"""What StarGAN v2 alone has."""

from pydantic import Field

from hifisyn.settings import Settings
from hifisyn.training.sizes import WidthSettings


class StarGANv2Settings(Settings):
    """The published values are the defaults."""

    networks: WidthSettings = WidthSettings()
    style: float = Field(1.0, ge=0, description="lambda_sty, L1 between a style and the one read from its image")
    diversity: float = Field(1.0, ge=0, description="lambda_ds, L1 between images of two styles, which is to be large")
    diversity_until: float = Field(1.0, gt=0, le=1, description="share of the run over which lambda_ds falls to 0")
    cycle: float = Field(1.0, ge=0, description="lambda_cyc, cycle L1; anatomy rests on it")
    r1: float = Field(1.0, ge=0, description="lambda_reg, gradient penalty of the discriminator on real images")
    ema: float = Field(
        0.999, ge=0, lt=1, description="share of the smoothed weights that a step keeps; 0: no smoothed copies"
    )
    always_swap: bool = Field(
        False, description="the target is always the other contrast of the step, else drawn from both"
    )
    attribute_ema: float = Field(0.999, ge=0, lt=1, description="decay of the mean styles that prediction uses")
