"""Slices become a volume again: the window goes back into its slice, the slices into their grid."""

from collections.abc import Sequence

import numpy as np

from hifisyn.intensities import OUTSIDE
from hifisyn.volume import Volume


def paste(windows: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return slices (S, H, W) that hold the centre windows (S, h, w); all around is background, -1.

    Raises:
        ValueError: the windows are larger than the slices.
    """
    (height, width), (rows, columns) = shape, windows.shape[1:]
    if rows > height or columns > width:
        raise ValueError(f"windows of {rows}x{columns} do not fit into slices of {height}x{width}")
    slices = np.full((len(windows), height, width), OUTSIDE, dtype=np.float32)
    top, left = (height - rows) // 2, (width - columns) // 2
    slices[:, top : top + rows, left : left + columns] = windows
    return slices


def assemble(slices: np.ndarray, indices: Sequence[int], grid: Volume, fill: float = OUTSIDE) -> Volume:
    """Return the volume on the slice grid that holds the slices.

    Args:
        slices: (S, H, W), rows from anterior to posterior, columns from the patient's right to the left.
        indices: place of each slice along the grid's third axis.
        grid: the slice grid, orientation LPS, shape (W, H, number of slices).
        fill: value of the slices that are not given.

    Raises:
        ValueError: shapes or places do not belong to the grid.
    """
    width, height, depth = grid.shape
    if slices.shape != (len(indices), height, width):
        raise ValueError(f"slices of shape {(len(indices), height, width)} are wanted, got {slices.shape}")
    if len(set(indices)) != len(indices) or not all(0 <= index < depth for index in indices):
        raise ValueError(f"places of slices are wanted once each, in 0 to {depth - 1}, got {list(indices)}")
    data = np.full((depth, height, width), fill, dtype=slices.dtype)
    data[list(indices)] = slices
    return Volume(np.ascontiguousarray(data.transpose(2, 1, 0)), grid.affine)
