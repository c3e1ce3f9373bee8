"""Scanner units to the networks' range [-1, 1], and back."""

from dataclasses import dataclass

import numpy as np

from hifisyn.preprocessing.intensity_range import AIR_PERCENTILE, without_spikes

LOWER_PERCENTILE = 0.5


@dataclass(frozen=True)
class Intensity:
    """The linear map that takes `low` to -1 and `high` to +1.

    Attributes:
        low: scanner units that become -1: the level of air, where the scan shows it.
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

    def clip(self, data: np.ndarray) -> np.ndarray:
        """Return scanner units, float32, cut off at `low` and `high`."""
        return np.clip(np.asarray(data, dtype=np.float32), np.float32(self.low), np.float32(self.high))

    def invert(self, x: np.ndarray) -> np.ndarray:
        """Return scanner units of values in [-1, 1]; what was clipped stays clipped.

        >>> Intensity(0, 200).invert(np.array([-1.0, 0.0, 1.0]))
        array([  0., 100., 200.], dtype=float32)
        """
        return ((np.asarray(x, dtype=np.float32) + 1) * np.float32((self.high - self.low) / 2) + self.low).astype(
            np.float32
        )


def fit(data: np.ndarray, brain: np.ndarray, upper_percentile: float = 99.5) -> Intensity:
    """Measure the map on one scan as its file has it, before anything is interpolated.

    The upper percentile of the brain becomes +1, and air -1, which keeps the ratios between tissues; where brain is
    darker than air, its 0.5th percentile. Spikes are left out.

    Args:
        data: intensities of the whole scan, any shape.
        brain: bool, the same shape.
        upper_percentile: percentile of the brain that becomes +1.

    Raises:
        ValueError: there is no brain, or all of it has one intensity.

    >>> head = np.concatenate([np.full(1000, 24.0), np.arange(124.0, 1125.0)])
    >>> fit(head, head > 24, 99.5)
    Intensity(low=24.0, high=1119.0)
    """
    inside = data[brain]
    if inside.size == 0:
        raise ValueError("no voxel of brain to measure intensities on")
    percentiles = np.percentile(without_spikes(inside), [LOWER_PERCENTILE, upper_percentile])
    bottom, high = (float(level) for level in percentiles)
    if not high > bottom:
        raise ValueError(f"the brain has no contrast: percentiles {bottom:g} and {high:g}")
    return Intensity(_darkest(data, bottom, high), high)


def _darkest(data: np.ndarray, bottom: float, high: float) -> float:
    """Return what becomes -1: air, or the darkest brain.

    Air is the 1st percentile of all voxels. Where brain is darker, the scan shows no air. Where that lies further
    below the brain than the brain's own contrast reaches, it is a marker that was put there (-32768, -1000, or the 0
    around a stripped brain at 1000). In both cases air is 0 if that lies within the bound, else the darkest that is
    no marker.

    Args:
        data: intensities of the whole scan.
        bottom: darkest brain.
        high: brightest brain.
    """
    bound = bottom - (high - bottom)
    air = float(np.percentile(data, AIR_PERCENTILE, method="lower"))
    if bound <= air <= bottom:
        return air
    return min(bottom, 0.0 if bound <= 0.0 else float(np.percentile(without_spikes(data), AIR_PERCENTILE)))
