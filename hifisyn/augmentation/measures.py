"""How a synthetic channel compares with the real one, and whether its labels show as they do there."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FEWEST_VOXELS = 10


@dataclass(frozen=True)
class Agreement:
    """A synthetic channel beside the real scan of the same contrast.

    Attributes:
        correlation: Pearson's, of the intensities in the brain; none where an image is even.
        contrast: label to its contrast in the real and in the synthetic image: the mean of the label minus that of the
            rest of the brain, in standard deviations of the brain. Where the signs differ, the copy shows the
            structure the wrong way round.
    """

    correlation: float | None
    contrast: Mapping[str, tuple[float, float]]


def compare(
    real: np.ndarray, synthetic: np.ndarray, inside: np.ndarray, label: np.ndarray, labels: Mapping[str, int]
) -> Agreement:
    """Compare two images of one grid.

    Args:
        real: (I, J, K) intensities of any units.
        synthetic: (I, J, K), of any other units.
        inside: (I, J, K) bool, the brain.
        label: (I, J, K) label map.
        labels: structure to value; those of less than 10 voxels are left out.

    >>> brain = np.ones((1, 1, 40), dtype=bool)
    >>> label = np.arange(40).reshape(brain.shape) < 10
    >>> found = compare(label * 4.0, label * 3.0 + 100, brain, label, {"lesion": 1})
    >>> round(found.correlation or 0, 3), found.contrast["lesion"][0] > 2
    (1.0, True)
    """
    one, other = real[inside].astype(np.float64), synthetic[inside].astype(np.float64)
    flat = one.std() == 0 or other.std() == 0
    correlation = None if flat else float(np.corrcoef(one, other)[0, 1])
    contrast = {}
    for name, value in labels.items():
        here = label[inside] == value
        if value and not flat and FEWEST_VOXELS <= here.sum() < here.size:
            contrast[name] = _contrast(one, here), _contrast(other, here)
    return Agreement(correlation, contrast)


def _contrast(values: np.ndarray, here: np.ndarray) -> float:
    return float((values[here].mean() - values[~here].mean()) / values.std())
