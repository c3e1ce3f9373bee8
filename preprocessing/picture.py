"""A picture of an aligned case: is it the same anatomy in each contrast, is the brain found, do the labels fit?"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hifisyn.pictures import evenly, sheet
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.resample import resample
from hifisyn.volume import Volume

SLICES = 6
PIXEL_MM = 1.0
MARGIN_MM = 15.0


def draw_case(
    path: Path,
    images: Mapping[str, Volume],
    brain: Volume,
    label: Volume | None = None,
    *,
    title: str = "",
    slices: int = SLICES,
) -> None:
    """Write a sheet: one row an axial slice, one column a contrast with the border of the brain, one with labels.

    What lies around the brain is shown too, so that a mask which misses brain or keeps skull is seen.

    Args:
        path: the PNG file; replaced if it exists.
        images: by modality, aligned, each on its own grid.
        brain: mask, axes in RAS order.
        label: label map on the mask's grid; drawn over the first contrast.
        title: one line above.
        slices: number of rows.
    """
    grids = axial_grids(brain, slices)
    mask = _cut(brain, grids, order=0) > 0
    columns = {modality: _window(_cut(image, grids, order=1), mask) for modality, image in images.items()}
    outlines = {modality: mask.astype(np.uint8) for modality in columns}
    if label is not None:
        columns["labels"] = next(iter(columns.values()))
        outlines["labels"] = _cut(label, grids, order=0)
    sheet(path, columns, title=title, outline=outlines, slices=range(len(grids)))


def axial_grids(brain: Volume, slices: int) -> list[Volume]:
    """Return the grids of axial slices through the brain, bottom to top, each (I, J, 1) in LPS order.

    In-plane they are isotropic, 1 mm, and reach 15 mm beyond the brain's bounding box.
    """
    inside = np.argwhere(brain.data > 0)
    low, high = inside.min(axis=0), inside.max(axis=0)
    spacing = np.array(brain.spacing)
    axes = brain.affine[:3, :3] / spacing
    extent = (high - low + 1)[:2] * spacing[:2] + 2 * MARGIN_MM
    pixels = np.ceil(extent / PIXEL_MM).astype(int)
    corner = (low + high)[:2] / 2 * spacing[:2] + (pixels - 1) / 2 * PIXEL_MM
    grids = []
    for place in evenly(int(high[2] - low[2]) + 1, slices):
        affine = np.eye(4)
        affine[:3, :3] = axes * [-PIXEL_MM, -PIXEL_MM, spacing[2]]
        along = np.array([*corner, (low[2] + place) * spacing[2]])
        affine[:3, 3] = brain.affine[:3, 3] + axes @ along
        grids.append(Volume(np.zeros((*pixels, 1), dtype=bool), affine))
    return grids


def _cut(volume: Volume, grids: list[Volume], order: int) -> np.ndarray:
    """Return the volume on the grids, (S, H, W): rows from anterior to posterior, columns from right to left."""
    return np.stack([resample(volume, grid, order=order, antialias=False).data[:, :, 0].T for grid in grids])


def _window(slices: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the slices in [-1, 1] for the eye: the brain's 99.5th percentile becomes white."""
    try:
        return normalize.fit(slices, mask).apply(slices)
    except ValueError:
        return np.full(slices.shape, -1.0, dtype=np.float32)
