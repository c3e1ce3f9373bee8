"""A scan without slow changes of brightness, for registration: no field is estimated, and values lose their meaning."""

import numpy as np
from scipy import ndimage

from hifisyn.preprocessing.intensity_range import TISSUE_SHARE, measure_range
from hifisyn.volume import Volume

REACH_MM = 30.0
COARSE_MM = 4.0
DARKEST = 0.05


def flatten(volume: Volume) -> Volume:
    """Return the scan, clipped to its range, divided by its mean brightness within about 30 mm of each voxel.

    Mutual information takes a receive field for structure: of simulated heads with strong fields and noise, half came
    to rest 12 to 70 mm away; flattened, all within 0.5 mm.

    Args:
        volume: whole head or stripped, any units; one without contrast comes back as it is.

    Returns:
        Float32, about 1 in tissue, 0 in air.
    """
    low, high = measure_range(volume.data)
    if not high > low:
        return volume
    span = high - low
    bright = np.clip(volume.data - low, 0, span).astype(np.float32)
    flat = bright / np.maximum(_brightness(volume, bright, span), DARKEST * span)
    return volume.with_data(np.minimum(flat, measure_range(flat)[1]).astype(np.float32))


def _brightness(volume: Volume, bright: np.ndarray, span: float) -> np.ndarray:
    """Return the mean of the tissue around each voxel, measured on every fourth millimetre."""
    step = np.maximum(1, np.floor(COARSE_MM / np.array(volume.spacing))).astype(int)
    small = ndimage.uniform_filter(bright, step.tolist())[:: step[0], :: step[1], :: step[2]]
    tissue = (small > TISSUE_SHARE * span).astype(np.float32)
    sigma = REACH_MM / (np.array(volume.spacing) * step)
    weight = np.maximum(ndimage.gaussian_filter(tissue, sigma), 1e-3)
    mean = ndimage.gaussian_filter(small * tissue, sigma) / weight
    places = [np.arange(n) / s for n, s in zip(volume.shape, step, strict=True)]
    brightness: np.ndarray = ndimage.map_coordinates(
        mean, np.meshgrid(*places, indexing="ij"), order=1, mode="nearest", output=np.float32
    )
    return brightness
