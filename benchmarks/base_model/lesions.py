"""What becomes of lesions: the sign of their contrast, and bright spots where there is none."""

import numpy as np
from cases import Case
from scipy import ndimage

WHITE, LESION = 3, 4
RIM_MM = (3.0, 8.0)
LEAST_PIXELS = 10
BRIGHT_SDS, LEAST_MM3 = 3.0, 20.0
SLICE_MM = 4.0


def contrast_of_lesion(image: np.ndarray, case: Case) -> float | None:
    """Return the mean of a lesion minus that of the white matter 3 to 8 mm around it, in the plane; none without one.

    Args:
        image: (S, H, W).
        case: its labels say where lesion and white matter are.
    """
    lesion = case.labels == LESION
    away = np.stack([ndimage.distance_transform_edt(~s, sampling=case.pixel_mm) if s.any() else s * 0 for s in lesion])
    rim = (away >= RIM_MM[0]) & (away <= RIM_MM[1]) & (case.labels == WHITE)
    if lesion.sum() < LEAST_PIXELS or rim.sum() < LEAST_PIXELS:
        return None
    return float(image[lesion].mean() - image[rim].mean())


def bright_volume(image: np.ndarray, case: Case) -> float:
    """Return ml brighter than white matter's mean + 3 standard deviations outside the lesion, in pieces of 20 mm3.

    The standard deviation is that of the patient's own white matter in this image.
    """
    white = image[case.labels == WHITE]
    bright = (image > white.mean() + BRIGHT_SDS * white.std()) & case.brain & (case.labels != LESION)
    pieces, count = ndimage.label(bright)
    voxel = case.pixel_mm**2 * SLICE_MM
    sizes = ndimage.sum_labels(bright, pieces, np.arange(1, count + 1)) * voxel
    return float(sizes[sizes >= LEAST_MM3].sum() / 1000)
