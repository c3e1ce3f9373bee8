"""What GC-CycleGAN has beside CycleGAN."""

from pydantic import Field

from hifisyn.methods.cyclegan.settings import CycleGANSettings
from hifisyn.methods.gc_cyclegan.gradient_correlation import Kind


class GCCycleGANSettings(CycleGANSettings):
    """CycleGAN's, and those of the gradient loss."""

    gradient: float = Field(1.0, ge=0, description="lambda_gc, one minus gradient correlation of input and translation")
    kind: Kind = Field("abs", description="gradients that are correlated: abs, or signed as printed")
