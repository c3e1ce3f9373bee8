"""Scanner units to the networks' range [-1, 1], and back."""

from dataclasses import dataclass

import numpy as np

LOWER_PERCENTILE = 0.5


@dataclass(frozen=True)
class Intensity:
    """The linear map that takes `low` to -1 and `high` to +1.

    Attributes:
        low: scanner units that become -1; 0 except where brain is negative.
        high: scanner units that become +1.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise ValueError(f"high must be above low, got low {self.low}, high {self.high}")

    def apply(self, data: np.ndarray) -> np.ndarray:
        """Return float32 values in [-1, 1]; what lies beyond `low` and `high` is clipped.

        >>> Intensity(0, 200).apply(np.array([-5.0, 0.0, 100.0, 900.0]))
        array([-1., -1.,  0.,  1.], dtype=float32)
        """
        scaled = (np.asarray(data, dtype=np.float32) - np.float32(self.low)) * np.float32(2 / (self.high - self.low))
        return np.clip(scaled - 1, -1, 1).astype(np.float32, copy=False)

    def invert(self, x: np.ndarray) -> np.ndarray:
        """Return scanner units of values in [-1, 1]; what was clipped stays clipped.

        >>> Intensity(0, 200).invert(np.array([-1.0, 0.0, 1.0]))
        array([  0., 100., 200.], dtype=float32)
        """
        return ((np.asarray(x, dtype=np.float32) + 1) * np.float32((self.high - self.low) / 2) + self.low).astype(
            np.float32
        )


def fit(data: np.ndarray, brain: np.ndarray, upper_percentile: float = 99.5) -> Intensity:
    """Measure the map on the brain of one scan.

    0 becomes -1, so that air and the image's own zero stay together. Where the 0.5th percentile of the brain is
    negative (scans that came normalised), that percentile becomes -1.

    Args:
        data: intensities, any shape.
        brain: bool, the same shape.
        upper_percentile: percentile of the brain that becomes +1.

    Raises:
        ValueError: there is no brain, or all of it has one intensity.

    >>> fit(np.arange(1001.0), np.ones(1001, bool), 99.5)
    Intensity(low=0.0, high=995.0)
    """
    inside = data[brain]
    if inside.size == 0:
        raise ValueError("no voxel of brain to measure intensities on")
    bottom, high = (float(p) for p in np.percentile(inside, [LOWER_PERCENTILE, upper_percentile]))
    low = min(bottom, 0.0)
    if not high > low:
        raise ValueError(f"the brain has no contrast: percentiles {bottom:g} and {high:g}")
    return Intensity(low, high)
