"""The settings of a brain network's training; written beside the run."""

from pydantic import Field

from hifisyn.base.settings import RunSettings


class BrainSettings(RunSettings):
    """A training of the brain network.

    Attributes:
        scans: of one head a step; every step has a head of its own.
        kept: heads that are not trained on, but looked at.
        shortest, longest: voxels along each side of a head, drawn between them.
        gamma: standard deviation of the logarithm of the exponent.
        nothing: share of the scans that show no head.
        overlap: weight of the Dice loss; that of the cross-entropy is 1.
    """

    steps: int = Field(3600, ge=1)
    width: int = Field(8, ge=1)
    lr: float = Field(4e-3, gt=0)
    warm_up: float = Field(0.2, gt=0, lt=1)
    scans: int = Field(2, ge=1)
    kept: int = Field(8, ge=1)
    shortest: tuple[int, int, int] = (40, 48, 40)
    longest: tuple[int, int, int] = (48, 64, 64)
    gamma: float = Field(0.3, ge=0)
    nothing: float = Field(0.04, ge=0, le=1)
    average_decay: float = Field(0.995, ge=0, lt=1)
    overlap: float = Field(0.5, ge=0)
