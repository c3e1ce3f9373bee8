"""Nothing is shown where nothing was synthesised."""

import numpy as np


def blank(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Return the image with exactly 0 outside the brain mask, which has the same shape.

    >>> blank(np.array([3.0, 4.0]), np.array([True, False]))
    array([3., 0.])
    """
    return np.where(brain, image, image.dtype.type(0))
