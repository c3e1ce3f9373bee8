"""The slow intensity drift of the receive coil: measured by N4, divided out where it is strong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.engine.resources import one_itk_thread
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
    """

    gain: Volume
    strength: float

    @property
    def strong(self) -> bool:
        """Whether dividing it out does more good than harm."""
        return self.strength >= STRONG


def estimate(volume: Volume, brain: Volume) -> Field:
    """Estimate the field in the brain with N4 (SimpleITK) on cubes of 4 mm.

    Args:
        volume: the scan; values of 0 and less take no part.
        brain: mask on the grid of `volume`.
    """
    grid = isotropic_grid(volume, WORK_MM)
    image = resample(volume, grid, order=1)
    inside = _inner(resample_mask(brain, grid).data > 0) & (image.data > 0)
    middle = np.median(image.data[inside]) if inside.any() else 0.0
    sampled = inside & (image.data > BAND[0] * middle) & (image.data < BAND[1] * middle)
    if sampled.sum() < FEWEST_VOXELS:
        return Field(grid.with_data(np.ones(grid.shape, dtype=np.float32)), 0.0)
    log_gain = _n4(image.data, sampled)
    gain = np.exp(log_gain - np.median(log_gain[inside])).astype(np.float32)
    low, high = np.percentile(gain[inside], [5, 95])
    gain = np.clip(gain, gain[inside].min(), gain[inside].max())
    return Field(grid.with_data(gain), float(high - low))


def correct(volume: Volume, field: Field) -> Volume:
    """Divide the field out; float32, the scale stays since the median gain is 1."""
    return volume.with_data(volume.data.astype(np.float32) / resample(field.gain, volume, order=1, fill=1.0).data)


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
