"""Slices of maps: the head is deformed once, and every map is averaged over the same samples of each voxel."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from hifisyn.simulation.label_maps import DISTANCE_STEP_MM, Anatomy
from hifisyn.simulation.slice_geometry import SliceGeometry

NEAR_MM = 11.0
FAR_MM = 25.0


@dataclass(frozen=True)
class Slices:
    """Averages over voxels, each (S, H, W).

    Attributes:
        maps: (M, S, H, W) float32, 0 far from the brain.
        shares: (G, S, H, W) float32, of the groups from 1 on.
        to_tissue, to_hull: mm, `FAR_MM` far from the brain.
    """

    maps: np.ndarray
    shares: np.ndarray
    to_tissue: np.ndarray
    to_hull: np.ndarray


def sample_slices(
    anatomy: Anatomy, geometry: SliceGeometry, maps: list[np.ndarray], groups: np.ndarray, count: int
) -> Slices:
    """Average maps over the voxels of slices.

    Args:
        anatomy: the head; its distances are averaged too.
        geometry: where the slices lie.
        maps: (I, J, K) each, linear between voxels.
        groups: (I, J, K) uint8, nearest voxel.
        count: groups, from 1 on.
    """
    shape = (geometry.count, geometry.size, geometry.size)
    result = Slices(
        np.zeros((len(maps), *shape), dtype=np.float32),
        np.zeros((count, *shape), dtype=np.float32),
        np.full(shape, FAR_MM, dtype=np.float32),
        np.full(shape, FAR_MM, dtype=np.float32),
    )
    for index in range(geometry.count):
        points = geometry.points(geometry.slice_axes(index))
        voxels = points / anatomy.spacing.astype(np.float32).reshape(3, 1, 1, 1)
        hull = _linear(anatomy.to_hull, voxels / 2)
        result.to_hull[index] = _voxel_means(hull, geometry)
        near = hull < NEAR_MM
        if not near.any():
            continue
        seen = voxels[:, near]

        def averaged(values: np.ndarray, elsewhere: float = 0.0, near: np.ndarray = near) -> np.ndarray:
            spread = np.full(near.shape, elsewhere, dtype=np.float32)
            spread[near] = values
            return _voxel_means(spread, geometry)

        for number, one in enumerate(maps):
            result.maps[number, index] = averaged(_linear(one, seen))
        result.to_tissue[index] = averaged(_linear(anatomy.to_tissue, seen) * DISTANCE_STEP_MM, FAR_MM)
        nearest = groups[_nearest(seen, groups.shape)]
        for group in range(count):
            result.shares[group, index] = averaged(nearest == group + 1)
    return result


def _linear(data: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    sampled: np.ndarray = ndimage.map_coordinates(data, voxels, order=1, mode="nearest", output=np.float32)
    return sampled


def _nearest(voxels: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.clip(np.rint(v), 0, n - 1).astype(np.intp) for v, n in zip(voxels, shape, strict=True))


def _voxel_means(samples: np.ndarray, geometry: SliceGeometry) -> np.ndarray:
    """Return (H, W) of (across, H * along, W * along)."""
    _, along = geometry.samples
    side = geometry.size
    return np.asarray(samples.reshape(-1, side, along, side, along).mean(axis=(0, 2, 4)))
