"""What SC-CycleGAN has beside CycleGAN."""

from typing import Literal

from pydantic import Field

from hifisyn.methods.cyclegan.settings import CycleGANSettings
from hifisyn.methods.sc_cyclegan.mind import EPSILON


class SCCycleGANSettings(CycleGANSettings):
    """CycleGAN's with other defaults, and those of the structure loss."""

    identity: float = Field(0.0, ge=0, description="lambda_idt, identity L1, as a share of the cycle weight")
    pool: int = Field(0, ge=0, description="earlier translations that a discriminator sees again")
    structure: float = Field(5.0, ge=0, description="lambda, L1 of the MIND descriptors of input and translation")
    epsilon: float = Field(EPSILON, gt=0, description="least local variance of MIND; larger forgives background noise")
    mind_mask: bool = Field(False, description="compare MIND only where it sees the brain of the input")
    variant: Literal["official", "tmi"] = Field(
        "official", description="tmi: self-attention in generators, spectral norm in discriminators; our reading"
    )
