"""The largest connected piece of a mask."""

import numpy as np
from scipy import ndimage


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Return the largest piece of a mask whose voxels share a face, bool of its shape; an empty mask as it is.

    >>> largest_piece(np.array([True, False, True, True]))
    array([False, False,  True,  True])
    """
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(pieces == sizes.argmax())
