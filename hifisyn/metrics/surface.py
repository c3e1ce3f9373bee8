"""How far apart the borders of two segmentations are, in millimetres."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

PERCENTILE = 95.0


def hd95(a: np.ndarray, b: np.ndarray, spacing: Sequence[float]) -> float:
    """Return the 95th percentile of the distances between two borders, the larger of both ways (HD95).

    A border is made of the voxels that have a neighbour, one that shares a face, outside; the edge of the image is
    outside. Each of its voxels counts with the distance to the nearest voxel of the other border.

    Args:
        a: bool.
        b: bool, of the same shape.
        spacing: mm along each axis.

    Returns:
        mm; 0 where both are equal, NaN where one is empty.

    >>> line = np.arange(9) % 9
    >>> hd95(line == 2, line == 6, [1.5])
    6.0
    """
    if a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise ValueError(f"must be boolean arrays of one shape, got {a.dtype} {a.shape} and {b.dtype} {b.shape}")
    if not (a.any() and b.any()):
        return float("nan")
    window = _around(a | b)
    first, second = border(a[window]), border(b[window])
    return float(
        max(
            np.percentile(_away(first, second, spacing), PERCENTILE)
            for first, second in ((first, second), (second, first))
        )
    )


def border(inside: np.ndarray) -> np.ndarray:
    """Return the voxels of a segmentation that have a neighbour outside, bool of the same shape."""
    return np.asarray(inside & ~ndimage.binary_erosion(inside))


def by_label(a: np.ndarray, b: np.ndarray, labels: dict[str, int], spacing: Sequence[float]) -> dict[str, float]:
    """Return `hd95_<name>` of each label of two label maps, in mm."""
    return {f"hd95_{name}": hd95(a == value, b == value, spacing) for name, value in labels.items()}


def _away(one: np.ndarray, other: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return the distance of each voxel of a border to another border, in mm."""
    distances: np.ndarray = ndimage.distance_transform_edt(~other, sampling=spacing)[one]
    return distances


def _around(inside: np.ndarray) -> tuple[slice, ...]:
    """Return the box that holds all of a segmentation."""
    (found,) = ndimage.find_objects(inside.astype(np.uint8))
    return tuple(found)
