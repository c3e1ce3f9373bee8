"""What becomes of lesions in a synthetic scan: the sign of their contrast, and bright spots where there is none.

Stacks are (S, H, W) of axial slices; masks are bool of the same shape. No other image is looked at: the same numbers
are taken on the true scan, and compared.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

RIM_MM = (3.0, 8.0)
LEAST_PIXELS = 10
LEAST_CONTRAST = 0.1
BRIGHT_SDS, LEAST_MM3 = 3.0, 20.0


def rim(lesion: np.ndarray, white: np.ndarray, pixel_mm: float) -> np.ndarray:
    """Return the white matter that is 3 to 8 mm away from a lesion of the same slice, bool (S, H, W)."""
    around = np.zeros_like(white)
    for place in np.flatnonzero(lesion.any(axis=(1, 2))):
        away = ndimage.distance_transform_edt(~lesion[place], sampling=pixel_mm)
        around[place] = white[place] & (away >= RIM_MM[0]) & (away <= RIM_MM[1])
    return around


def contrast(image: np.ndarray, lesion: np.ndarray, around: np.ndarray) -> float:
    """Return the mean of a lesion minus that of its `rim`; NaN where either has less than 10 pixels."""
    if lesion.sum() < LEAST_PIXELS or around.sum() < LEAST_PIXELS:
        return float("nan")
    return float(image[lesion].mean(dtype=np.float64) - image[around].mean(dtype=np.float64))


def sign_right(made: float, true: float, least: float = LEAST_CONTRAST) -> float:
    """Return 1 where a lesion is brighter or darker than its rim as in truth, 0 where it is not.

    NaN where the true contrast is not above `least`, on [-1, 1]: its sign means little.

    >>> sign_right(0.02, 0.4), sign_right(-0.3, 0.4), sign_right(0.5, 0.05)
    (1.0, 0.0, nan)
    """
    if not abs(true) > least or np.isnan(made):
        return float("nan")
    return float(np.sign(made) == np.sign(true))


def bright_ml(
    image: np.ndarray,
    brain: np.ndarray,
    white: np.ndarray,
    lesion: np.ndarray,
    voxel_mm3: float,
    places: Sequence[int] | np.ndarray | None = None,
) -> float:
    """Return ml of brain brighter than white matter's mean + 3 standard deviations outside lesions, in pieces.

    Mean and standard deviation are those of the white matter in this image. Pieces below 20 mm3 do not count; voxels
    belong together that share a face.

    Args:
        image: (S, H, W).
        brain: where to look.
        white: healthy white matter.
        lesion: where not to look.
        voxel_mm3: volume that a pixel stands for.
        places: (S,) where the slices lie, ascending: pieces do not reach over a gap; none: there is none.

    Returns:
        ml; NaN where there are less than 10 pixels of white matter.
    """
    if white.sum() < LEAST_PIXELS:
        return float("nan")
    healthy = image[white].astype(np.float64)
    bright = (image > healthy.mean() + BRIGHT_SDS * healthy.std()) & brain & ~lesion
    gaps = np.flatnonzero(np.diff(np.arange(len(image)) if places is None else places) > 1) + 1
    volumes = []
    for part in np.split(bright, gaps):
        pieces, count = ndimage.label(part)
        volumes.append(np.bincount(pieces.ravel(), minlength=count + 1)[1:] * voxel_mm3)
    sizes = np.concatenate(volumes)
    return float(sizes[sizes >= LEAST_MM3].sum() / 1000)
