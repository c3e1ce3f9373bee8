"""What COSMOS has beside CycleGAN."""

from pydantic import Field

from hifisyn.methods.cyclegan.settings import CycleGANSettings

BOTH = "both"


class COSMOSSettings(CycleGANSettings):
    """Defaults where the paper's values are unknown are CycleGAN's."""

    segmentation: float = Field(1.0, ge=0, description="lambda_4, soft Dice of each of both segmentations of an image")
    cross_entropy: float = Field(
        0.0, ge=0, description="cross-entropy beside Dice, as a share of its weight; 1 helps where a structure is tiny"
    )
    labels: str = Field(BOTH, description="whose label maps are learnt from: both, or the name of one contrast")
