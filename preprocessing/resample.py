"""One volume on the grid of another, by world coordinates."""

import numpy as np
from scipy import ndimage

from hifisyn.volume import Volume

SNAP = 1e-7
HALF_VOXEL = 0.5 + 1e-4


def index_map(onto: Volume, volume: Volume) -> np.ndarray:
    """Return the (4, 4) matrix from voxel indices of `onto` to voxel indices of `volume`.

    Entries within 1e-7 of an integer become that integer, so that flips, permutations and whole shifts are exact.
    """
    mapping = np.linalg.solve(volume.affine, onto.affine)
    nearest = np.rint(mapping)
    return np.where(np.abs(mapping - nearest) < SNAP, nearest, mapping)


def resample(volume: Volume, onto: Volume, *, order: int = 3, antialias: bool = True, fill: float = 0.0) -> Volume:
    """Return `volume` on the grid of `onto`.

    The value field reaches half a voxel beyond the outermost centres, as in ITK; beyond it is `fill`.

    Args:
        volume: what is sampled.
        onto: only its grid is used.
        order: of the spline; 0, nearest neighbour, for labels and masks, which keeps their data type.
        antialias: smooth with a Gaussian along the axes where `onto` is coarser; never done at order 0.
        fill: value outside the field of view.

    Returns:
        Volume of `onto`'s shape, affine and header; float32 for order 1 to 3. Values stay within the volume's range.
    """
    mapping = index_map(onto, volume)
    data = volume.data if order == 0 else volume.data.astype(np.float32, copy=False)
    if order > 0 and antialias:
        data = ndimage.gaussian_filter(data, antialias_sigma(mapping), mode="nearest")
    linear, offset = mapping[:3, :3], mapping[:3, 3]
    sampled = ndimage.affine_transform(
        data, linear, offset, output_shape=onto.shape, order=order, mode="nearest", output=data.dtype
    )
    if order > 1:
        np.clip(sampled, data.min(), data.max(), out=sampled)
    sampled[~_in_view(mapping, onto.shape, volume.shape)] = fill
    return Volume(sampled, onto.affine, onto.header)


def resample_mask(mask: Volume, onto: Volume) -> Volume:
    """Return a mask on another grid, uint8: 1 where more than half of the linear interpolation is mask."""
    soft = resample(mask, onto, order=1, antialias=False)
    return soft.with_data((soft.data > 0.5).astype(np.uint8))


def mask_on(mask: Volume, image: Volume) -> Volume:
    """Return a mask on the grid of an image; the same, where it lies on it already."""
    return mask if mask.same_grid(image) else resample_mask(mask, image)


def antialias_sigma(mapping: np.ndarray) -> np.ndarray:
    """Return the standard deviation of the Gaussian along each axis of the sampled volume, in its voxels.

    (f - 1) / 2 where a step of the new grid crosses f > 1 voxels along the axis, else 0; scikit-image's rule.

    >>> antialias_sigma(np.diag([3.0, -2.0, 0.5, 1.0]))
    array([1. , 0.5, 0. ])
    """
    steps = np.abs(mapping[:3, :3]).max(axis=1)
    sigma: np.ndarray = np.maximum(0.0, (steps - 1) / 2)
    return sigma


def isotropic_grid(volume: Volume, millimetres: float, centre: np.ndarray | None = None) -> Volume:
    """Return an empty volume of cubic voxels along the world's axes (RAS) that covers `volume`.

    Args:
        volume: what is covered.
        millimetres: side of a voxel.
        centre: (3,) world mm that becomes a voxel centre; none: the centre of the field of view.
    """
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in volume.shape], [1])).reshape(4, -1)
    world = (volume.affine @ corners)[:3]
    low, high = world.min(axis=1), world.max(axis=1)
    anchor = (low + high) / 2 if centre is None else centre
    before = np.maximum(0, np.ceil((anchor - low) / millimetres - 0.5)).astype(int)
    after = np.maximum(0, np.ceil((high - anchor) / millimetres - 0.5)).astype(int)
    affine = np.diag([millimetres] * 3 + [1.0])
    affine[:3, 3] = anchor - before * millimetres
    i, j, k = (int(n) for n in before + after + 1)
    return Volume(np.zeros((i, j, k), dtype=bool), affine)


def _in_view(mapping: np.ndarray, shape: tuple[int, int, int], source: tuple[int, int, int]) -> np.ndarray:
    """Return where indices of the new grid fall into the old one, bool of `shape`."""
    i, j, k = np.ogrid[: shape[0], : shape[1], : shape[2]]
    inside = np.ones(shape, dtype=bool)
    for row, n in zip(mapping[:3], source, strict=True):
        place = row[0] * i + row[1] * j + row[2] * k + row[3]
        inside &= (place >= -HALF_VOXEL) & (place <= n - 1 + HALF_VOXEL)
    return inside
