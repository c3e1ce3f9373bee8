"""Synthetic and real volumes as comparable stacks of axial slices.

Both are brought to [-1, 1]. The synthetic volume goes back through the scale of its sidecar (IntensityScale is
scanner units at +1); one without sidecar, such as another tool's, is measured as the truth is. The truth goes
through `hifisyn.preprocessing.normalize`, measured inside the mask: air becomes -1, the upper percentile +1. Outside
the mask both are -1. So the figures say nothing of the absolute scale of a scanner, which unpaired training
cannot know, and all of contrast and anatomy.

Slices are axial: the volumes' axes are flipped and permuted to LPS, nothing is interpolated.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.errors import UserError
from hifisyn.evaluation.pairs import Loaded
from hifisyn.intensities import OUTSIDE
from hifisyn.json_files import read_object
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.slices_axial import to_slices
from hifisyn.volume import Volume

SCALE = "IntensityScale"
UPPER_PERCENTILE = 99.5


@dataclass(frozen=True)
class Stacks:
    """A pair as axial slices, comparable.

    Attributes:
        synthetic: (S, H, W) in [-1, 1], -1 outside the brain.
        truth: (S, H, W) in [-1, 1], -1 outside the brain.
        brain: (S, H, W) bool.
    """

    synthetic: np.ndarray
    truth: np.ndarray
    brain: np.ndarray


def comparable_stacks(loaded: Loaded, scale: float | None, upper_percentile: float = UPPER_PERCENTILE) -> Stacks:
    """Bring a pair to [-1, 1] and extract axial slices.

    Args:
        loaded: synthetic and truth on one grid.
        scale: scanner units of the synthetic volume at +1; None: measured on it as on the truth.
        upper_percentile: percentile of the brain that becomes +1.

    Raises:
        ValueError: the brain of either has no contrast.
    """
    brain = loaded.brain
    truth = normalize.fit(loaded.truth.data, brain, upper_percentile).apply(loaded.truth.data)
    measured = (
        normalize.fit(loaded.synthetic.data, brain, upper_percentile)
        if scale is None
        else normalize.Intensity(0.0, scale)
    )
    synthetic = measured.apply(loaded.synthetic.data)
    return Stacks(
        axial(loaded.synthetic.with_data(np.where(brain, synthetic, OUTSIDE))),
        axial(loaded.synthetic.with_data(np.where(brain, truth, OUTSIDE))),
        axial(loaded.synthetic.with_data(brain)),
    )


def axial(volume: Volume) -> np.ndarray:
    """Return (S, H, W): from inferior to superior, rows from anterior to posterior, columns from right to left."""
    return to_slices(volume.reoriented("LPS"))


def read_scale(sidecar: Path) -> float | None:
    """Return the scanner units at +1 that a sidecar gives; None where there is no sidecar or it gives none.

    Raises:
        UserError: the value is no positive number.
    """
    if not sidecar.is_file():
        return None
    content = read_object(sidecar)
    value = content.get(SCALE)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or not value > 0:
        raise UserError(f"{sidecar}: {SCALE} must be above 0", got=repr(value), hint="predict the case again")
    return float(value)
