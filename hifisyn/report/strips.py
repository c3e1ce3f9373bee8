"""Stacks of slices as one grey PNG each, without loss beyond 256 greys: what the script of the viewer decodes."""

import base64
import io

import numpy as np

LEVELS = 255


def strip(stack: np.ndarray, columns: int) -> str:
    """Return slices (S, H, W) in [-1, 1] as a PNG in base64, `columns` of them in a row."""
    return png(mosaic(grey(stack), columns))


def grey(stack: np.ndarray) -> np.ndarray:
    """Return intensities in [-1, 1] as 0..255, rounded: two greys differ from their intensities by 1/255 at most.

    >>> grey(np.array([-1.0, 0.0, 1.0])).tolist()
    [0, 128, 255]
    """
    return np.clip(np.round((stack + 1) / 2 * LEVELS), 0, LEVELS).astype(np.uint8)


def mosaic(stack: np.ndarray, columns: int) -> np.ndarray:
    """Lay slices (S, H, W) out row by row, `columns` in each; the rest of the last row stays 0."""
    count, height, width = stack.shape
    rows = -(-count // columns)
    full = np.zeros((rows * columns, height, width), stack.dtype)
    full[:count] = stack
    return full.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def png(picture: np.ndarray) -> str:
    """Return an 8-bit grey picture (H, W) as PNG in base64."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
