"""The axial slices of a case: the grid they lie on, and which of them are kept."""

import numpy as np

from hifisyn.volume import Volume


def slice_grid(brain: Volume, pixel_mm: float, size: int) -> Volume:
    """Return the empty grid of the slices: orientation LPS, `size` x `size` x the brain grid's own slices.

    In-plane the pixels are square, `pixel_mm` wide, and centred on the brain's bounding box. Along the third axis
    the places are those of the reference's slices, so nothing is interpolated there.

    Args:
        brain: mask on the reference's grid, any orientation and obliqueness.
        pixel_mm: side of a pixel.
        size: pixels along each side of a slice.

    Raises:
        ValueError: the mask is empty.
    """
    mask = brain.reoriented("LPS")
    covered = np.argwhere(mask.data.any(axis=2))
    if covered.size == 0:
        raise ValueError("the brain mask is empty")
    middle = (covered.min(axis=0) + covered.max(axis=0)) / 2
    affine = mask.affine.copy()
    affine[:3, :2] *= pixel_mm / np.linalg.norm(affine[:3, :2], axis=0)
    centre = mask.affine[:3, :2] @ middle + mask.affine[:3, 3]
    affine[:3, 3] = centre - affine[:3, :2] @ np.full(2, (size - 1) / 2)
    return Volume(np.zeros((size, size, mask.shape[2]), dtype=bool), affine)


def centre_window(grid: Volume, crop: int) -> Volume:
    """Return the grid of the centre windows, `crop` x `crop` pixels of each slice: what the networks see.

    >>> centre_window(Volume(np.zeros((9, 9, 3)), np.eye(4)), 4).affine[:3, 3]
    array([2., 2., 0.])
    """
    if crop > min(grid.shape[:2]):
        raise ValueError(f"a window of {crop} pixels does not fit into slices of {grid.shape[:2]}")
    first = np.array([(n - crop) // 2 for n in grid.shape[:2]])
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :2] @ first
    i, j = (slice(start, start + crop) for start in first)
    return Volume(grid.data[i, j], affine)


def between(grid: Volume, first: int, last: int) -> Volume:
    """Return the grid of the slices from place `first` to place `last`.

    >>> between(Volume(np.zeros((2, 2, 9)), np.eye(4)), 3, 5).affine[:3, 3]
    array([0., 0., 3.])
    """
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] * first
    return Volume(grid.data[:, :, first : last + 1], affine)


def to_slices(volume: Volume) -> np.ndarray:
    """Return (S, H, W) of a volume on a slice grid: rows from anterior to posterior, columns from right to left."""
    return np.ascontiguousarray(volume.data.transpose(2, 1, 0))


def training_slices(brain: np.ndarray, min_brain: float, per_case: int) -> tuple[int, ...]:
    """Return the places of the slices to train on, ascending.

    Slices count where brain covers at least `min_brain` of the field of view; of these `per_case` are taken, evenly
    spread from the first to the last.

    Args:
        brain: (S, H, W) bool, in the networks' field of view.
        min_brain: share of H * W.
        per_case: at most so many slices.

    >>> brain = np.zeros((9, 2, 2), bool)
    >>> brain[1:8] = True
    >>> training_slices(brain, 0.5, 3)
    (1, 4, 7)
    """
    places = np.flatnonzero(brain.mean(axis=(1, 2)) >= max(min_brain, np.finfo(float).tiny))
    if len(places) > per_case:
        places = places[np.rint(np.linspace(0, len(places) - 1, per_case)).astype(int)]
    return tuple(int(place) for place in places)


def brain_slices(brain: np.ndarray) -> tuple[int, ...]:
    """Return the places of all slices (S, H, W) that hold any brain, ascending."""
    return tuple(int(place) for place in np.flatnonzero(brain.any(axis=(1, 2))))
