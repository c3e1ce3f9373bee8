"""Takes fat and vessels off the edge of a brain mask: what is brighter than the brain inside, and what lies beyond it.

An edge on a grid of 4 mm lets in scalp where the skull is thin. On T1 its fat is brighter than any brain, so that a few
voxels of it stretch the range of intensities and mislead a segmentation of tissue.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from hifisyn.largest_piece import largest_piece

RIM_MM = 9.0  # how deep the edge is looked at
BRIGHTEST = 0.99  # quantile inside
FACTOR = 1.4  # of its distance from the median, that brain at the edge may reach
CRUST_MM = 2.0  # thinner pieces go with what lies below them


def without_bright_rim(mask: np.ndarray, image: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return the mask without what is brighter than its inside, as far as that reaches the mask's edge.

    Args:
        mask: (I, J, K) bool.
        image: (I, J, K).
        spacing: of the voxels, mm.
    """
    depth = ndimage.distance_transform_edt(mask, spacing)
    inside = image[depth > RIM_MM]
    if not inside.size:
        return mask
    middle, brightest = np.quantile(inside, (0.5, BRIGHTEST))
    bright = mask & (depth <= RIM_MM) & (image > middle + FACTOR * (brightest - middle))
    near = mask & (depth <= RIM_MM) & ndimage.binary_dilation(bright)
    reached = ndimage.binary_propagation(~mask, mask=~mask | near)
    return _opened(mask & ~reached, spacing)


def _opened(mask: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return the mask without what is thinner than twice `CRUST_MM`."""
    core = largest_piece(ndimage.distance_transform_edt(mask, spacing) > CRUST_MM)
    if not core.any():
        return mask
    near = ndimage.distance_transform_edt(~core, spacing) <= CRUST_MM + max(spacing) / 2
    return np.asarray(mask & near)
