"""What AttentionGAN has beside CycleGAN."""

from pydantic import Field

from hifisyn.methods.cyclegan.settings import CycleGANSettings


class AttentionGANSettings(CycleGANSettings):
    """The published values are the defaults."""

    geo: bool = Field(
        False, description="no mask keeps the source: ten images are mixed instead of nine and the source"
    )
