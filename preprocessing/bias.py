"""The slow intensity drift of the receive coil: measured by N4, divided out where it is strong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.engine.resources import one_itk_thread
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.resample import isotropic_grid, resample, resample_mask
from hifisyn.volume import Volume

WORK_MM = 4.0
ITERATIONS = (50, 50, 30)
FEWEST_VOXELS = 200

# N4 finds up to 4 % of drift on phantoms that have none, and leaves about as much as it found where there was
# less than 8 %: below that it does no good.
STRONG = 0.08

# Partial volume at the rim of the brain and fluid, far darker or brighter than the rest, would pass for a drift.
BAND = (0.5, 1.6)


@dataclass(frozen=True)
class Field:
    """A bias field.

    Attributes:
        gain: positive, median 1 in the brain, on the coarse grid it was estimated on.
        strength: 95th minus 5th percentile of the gain inside the brain; 0.2 is a drift of 20 %.
        dark: intensity of no signal, in scanner units, which the gain leaves as it is.
    """

    gain: Volume
    strength: float
    dark: float = 0.0

    @property
    def strong(self) -> bool:
        """Whether dividing it out does more good than harm."""
        return self.strength >= STRONG


def estimate(volume: Volume, brain: Volume) -> Field:
    """Estimate the field in the brain with N4 (SimpleITK) on cubes of 4 mm.

    Args:
        volume: the scan; what is as dark as air takes no part, spikes are clipped.
        brain: mask on the grid of `volume`.
    """
    grid = isotropic_grid(volume, WORK_MM)
    try:
        intensity = normalize.fit(volume.data, brain.data > 0)
    except ValueError:
        return _none(grid)
    image = resample(volume.with_data(intensity.clip(volume.data) - np.float32(intensity.low)), grid, order=1)
    inside = _inner(resample_mask(brain, grid).data > 0) & (image.data > 0)
    middle = np.median(image.data[inside]) if inside.any() else 0.0
    sampled = inside & (image.data > BAND[0] * middle) & (image.data < BAND[1] * middle)
    if sampled.sum() < FEWEST_VOXELS:
        return _none(grid)
    log_gain = _n4(image.data, sampled)
    gain = np.exp(log_gain - np.median(log_gain[inside])).astype(np.float32)
    low, high = np.percentile(gain[inside], [5, 95])
    gain = np.clip(gain, gain[inside].min(), gain[inside].max())
    return Field(grid.with_data(gain), float(high - low), intensity.low)


def correct(volume: Volume, field: Field) -> Volume:
    """Divide the field out of the signal; float32, the scale stays since the median gain is 1."""
    gain = resample(field.gain, volume, order=1, fill=1.0).data
    dark = np.float32(field.dark)
    return volume.with_data((volume.data.astype(np.float32) - dark) / gain + dark)


def _none(grid: Volume) -> Field:
    return Field(grid.with_data(np.ones(grid.shape, dtype=np.float32)), 0.0)


def _inner(mask: np.ndarray) -> np.ndarray:
    eroded = ndimage.binary_erosion(mask)
    return eroded if eroded.sum() >= FEWEST_VOXELS else mask


def _n4(image: np.ndarray, sampled: np.ndarray) -> np.ndarray:
    """Return the logarithm of the gain on the whole grid."""
    one_itk_thread()
    import SimpleITK

    def itk(data: np.ndarray) -> Any:
        converted = SimpleITK.GetImageFromArray(data.transpose(2, 1, 0))
        converted.SetSpacing((WORK_MM,) * 3)
        return converted

    corrector = SimpleITK.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations(ITERATIONS)
    scan = itk(image)
    corrector.Execute(scan, itk(sampled.astype(np.uint8)))
    return SimpleITK.GetArrayFromImage(corrector.GetLogBiasFieldAsImage(scan)).transpose(2, 1, 0)
