"""From the networks' range back to scanner units."""

import numpy as np


def scanner_units(image: np.ndarray, scale: float, low: float = 0.0) -> np.ndarray:
    """Return intensities as float32: -1 becomes `low`, +1 becomes `low + scale`; nothing lies beyond.

    Cubic interpolation overshoots by a little; what it leaves below -1 or above +1 is cut off.

    Args:
        image: values in [-1, 1], any shape.
        scale: scanner units from -1 to +1, as of a model the median over the training cases of the target contrast.
        low: scanner units at -1.

    >>> scanner_units(np.array([-1.1, -1.0, 0.0, 1.0]), 800.0)
    array([  0.,   0., 400., 800.], dtype=float32)
    """
    return ((np.clip(image, -1, 1) + 1) / 2 * scale + low).astype(np.float32)
