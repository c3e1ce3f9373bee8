"""A picture of an aligned case, to check the brain mask, the labels, and the registration of each contrast.

On the left are small axial slices of every contrast with the border of the brain. On the right, larger and in three
planes, are the labels over the reference, and the edges of the reference over each contrast that was moved to it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from hifisyn.dataset import TISSUES
from hifisyn.intensities import OUTSIDE
from hifisyn.pictures import BRAIN, MET, MISSED, Colour, evenly, label_colour
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.edges import compare_edges, share_met
from hifisyn.preprocessing.resample import resample
from hifisyn.quality.mosaic import Column, border, paint, to_grey, write_mosaic
from hifisyn.volume import Volume

SLICES = 5
PIXEL_MM = 1.5
MARGIN_MM = 15.0
WIDE_PIXELS = 212
WIDE_MARGIN_MM = 5.0
SAGITTAL, CORONAL, AXIAL = 0, 1, 2
# Planes through the lateral ventricles, as shares of the brain from left, back and bottom.
PLANES = {AXIAL: 0.55, CORONAL: 0.5, SAGITTAL: 0.42}


def draw_case(
    path: Path,
    images: Mapping[str, Volume],
    brain: Volume,
    label: Volume | None = None,
    *,
    reference: str | None = None,
    labels: Mapping[str, int] = TISSUES,
    title: str = "",
    slices: int = SLICES,
) -> None:
    """Write a picture of a case.

    The surroundings of the brain are shown too, so that a mask which misses brain or includes skull can be seen. Edges
    of the reference are blue where the moved contrast has an edge within 1.5 mm, orange where it has none: a shift of
    3 mm turns a third to a half of them orange.

    Args:
        path: the PNG file; replaced if it exists.
        images: by modality, aligned, each on its own grid.
        brain: mask, axes in RAS order.
        label: label map on the mask's grid.
        reference: the modality on the mask's grid; none: the first that has this grid.
        labels: structure to value, for the legend.
        title: one line above.
        slices: number of small axial slices.
    """
    first = reference or next((name for name, image in images.items() if image.same_grid(brain)), next(iter(images)))
    grids = axial_grids(brain, slices)
    masks = _on_grids(brain, grids, order=0)
    columns = [_brain_column(name, image, grids, masks) for name, image in images.items()]
    if label is not None:
        columns.append(_label_column(first, images[first], brain, label, labels))
    wide = three_planes(brain)
    columns += [_edge_column(name, images, first, brain, wide) for name in images if name != first]
    write_mosaic(path, columns, title=title)


def axial_grids(brain: Volume, slices: int) -> list[Volume]:
    """Return the grids of axial slices through the brain, bottom to top, each (W, H, 1) in LPS order.

    In-plane they are isotropic, 1.5 mm, and reach 15 mm beyond the brain's bounding box.
    """
    low, high = _box(brain)
    places = [low[AXIAL] + place for place in evenly(int(high[AXIAL] - low[AXIAL]) + 1, slices)]
    extent = (high - low + 1)[:2] * np.array(brain.spacing)[:2] + 2 * MARGIN_MM
    return [_plane(brain, AXIAL, place, PIXEL_MM, extent) for place in places]


def three_planes(brain: Volume, lesions: np.ndarray | None = None) -> list[Volume]:
    """Return the grids of an axial, a coronal and a sagittal slice (W, H, 1), all of one width in pixels.

    They pass through the ventricles; where lesions are given, through the largest area of them.
    Rows run backwards or downwards, columns to the left or backwards.
    """
    low, high = _box(brain)
    grids = []
    for axis, share in PLANES.items():
        place = low[axis] + share * (high[axis] - low[axis])
        if lesions is not None and lesions.any():
            place = lesions.sum(axis=_other_axes(axis)).argmax()
        extent = np.delete((high - low + 1) * np.array(brain.spacing), axis) + 2 * WIDE_MARGIN_MM
        grids.append(_plane(brain, axis, place, extent[0] / WIDE_PIXELS, extent))
    return grids


def _plane(brain: Volume, axis: int, place: float, pixel_mm: float, extent: np.ndarray) -> Volume:
    """Return the grid of a slice across an axis of the brain's grid, centred on the brain.

    Args:
        brain: mask, RAS.
        axis: that the slice is at right angles to.
        place: voxel along that axis.
        pixel_mm: side of a pixel.
        extent: (2,) mm that are shown along the columns and the rows.
    """
    spacing = np.array(brain.spacing)
    axes = brain.affine[:3, :3] / spacing
    pixels = np.ceil(extent / pixel_mm).astype(int)
    low, high = _box(brain)
    corner = (low + high) / 2 * spacing
    corner[axis] = place * spacing[axis]
    across = list(_other_axes(axis))
    corner[across] += (pixels - 1) / 2 * pixel_mm
    affine = np.eye(4)
    affine[:3, :2] = -axes[:, across] * pixel_mm
    affine[:3, 2] = axes[:, axis] * spacing[axis]
    affine[:3, 3] = brain.affine[:3, 3] + axes @ corner
    return Volume(np.zeros((*pixels, 1), dtype=bool), affine)


def _brain_column(name: str, image: Volume, grids: list[Volume], masks: list[np.ndarray]) -> Column:
    slices = _window(_on_grids(image, grids, order=1), masks)
    panels = [paint(to_grey(x), border(mask), BRAIN) for x, mask in zip(slices, masks, strict=True)]
    return Column(name, panels, [("brain", BRAIN)])


def _label_column(name: str, image: Volume, brain: Volume, label: Volume, labels: Mapping[str, int]) -> Column:
    lesions = np.isin(label.data, [value for name, value in labels.items() if name not in TISSUES])
    grids = three_planes(brain, lesions)
    slices = _window(_on_grids(image, grids, order=1), _on_grids(brain, grids, order=0))
    maps = _on_grids(label, grids, order=0)
    present = [int(value) for value in np.unique(label.data) if value]
    panels = []
    for panel, values in zip(map(to_grey, slices), maps, strict=True):
        edge = border(values)
        for value in present:
            panel = paint(panel, edge & (values == value), label_colour(value))
        panels.append(panel)
    names = {value: name for name, value in labels.items()}
    legend: list[tuple[str, Colour]] = [(names.get(value, f"label {value}"), label_colour(value)) for value in present]
    return Column(f"labels on {name}", panels, legend)


def _edge_column(name: str, images: Mapping[str, Volume], first: str, brain: Volume, grids: list[Volume]) -> Column:
    masks = _on_grids(brain, grids, order=0)
    moved, fixed = (_window(_on_grids(images[which], grids, order=1), masks) for which in (name, first))
    compared = [
        compare_edges(x, y, mask, grid.spacing[0]) for x, y, mask, grid in zip(fixed, moved, masks, grids, strict=True)
    ]
    panels = [
        paint(paint(to_grey(y), edge.met, MET), _thicken(edge.missed), MISSED)
        for y, edge in zip(moved, compared, strict=True)
    ]
    share = share_met(compared)
    met = "no edges" if share is None else f"{share:.0%} met"
    return Column(f"{name}, edges of {first}", panels, [(met, MET), ("missed", MISSED)])


def _on_grids(volume: Volume, grids: Sequence[Volume], order: int) -> list[np.ndarray]:
    """Return the volume on each grid, (H, W)."""
    return [resample(volume, grid, order=order, antialias=False).data[:, :, 0].T for grid in grids]


def _window(slices: list[np.ndarray], masks: list[np.ndarray]) -> list[np.ndarray]:
    """Return the slices in [-1, 1]: the brain's 99.5th percentile becomes white."""
    values, brain = (np.concatenate([x.ravel() for x in each]) for each in (slices, masks))
    try:
        intensity = normalize.fit(values, brain > 0)
    except ValueError:
        return [np.full(x.shape, OUTSIDE, dtype=np.float32) for x in slices]
    return [intensity.apply(x) for x in slices]


def _thicken(line: np.ndarray) -> np.ndarray:
    """Return a line of one pixel two pixels wide."""
    return np.asarray(ndimage.binary_dilation(line, structure=np.ones((2, 2))))


def _box(mask: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last voxel of a mask along each axis."""
    along = [np.flatnonzero(mask.data.any(axis=_other_axes(axis))) for axis in range(3)]
    return np.array([places[0] for places in along]), np.array([places[-1] for places in along])


def _other_axes(axis: int) -> tuple[int, ...]:
    return tuple(other for other in range(3) if other != axis)
