"""Two scans on cubes of one size around a brain: how well they fit under a transform, and what ANTs makes of it."""

from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.preprocessing.ants_rigid import ants_rigid
from hifisyn.preprocessing.mutual_information import excess_information
from hifisyn.preprocessing.resample import antialias_sigma, index_map, isotropic_grid, resample, resample_mask
from hifisyn.preprocessing.rigid import place, translation
from hifisyn.volume import Volume

MARGIN_MM = 12.0
FEWEST_SAMPLES = 500
SLAB = 0.6


class Frame:
    """Both scans on cubes of one size, in a world whose origin is the middle of the brain.

    Transforms are (4, 4), world mm of the moving scan to world mm of the fixed one, both as the scanner has them.

    Args:
        fixed: whole head or stripped.
        moving: the same head, any contrast and grid.
        brain: mask on the grid of `fixed`.
        millimetres: side of a cube.
    """

    def __init__(self, fixed: Volume, moving: Volume, brain: Volume, millimetres: float) -> None:
        points = np.argwhere(brain.data > 0)
        self.middle = (brain.affine @ [*points.mean(axis=0), 1.0])[:3]
        self.shift = translation(-self.middle)
        self.millimetres = millimetres
        self.moving = _smoothed(place(moving, self.shift), millimetres)
        grid = isotropic_grid(place(fixed, self.shift), millimetres, np.zeros(3))
        self.fixed = resample(place(fixed, self.shift), grid, order=1)
        self.brain = resample_mask(place(brain, self.shift), grid).data > 0
        self.values = self.fixed.data[self.brain]
        self.points = self.fixed.affine @ np.vstack([np.argwhere(self.brain).T, np.ones(len(self.values))])

    def sample(self, moving_to_fixed: np.ndarray, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return the fixed and the moving values where the brain lies in both fields of view, each `stride`-th."""
        index = np.linalg.solve(self.local(moving_to_fixed) @ self.moving.affine, self.points[:, ::stride])[:3]
        last = np.array(self.moving.shape)[:, None] - 0.5
        seen = ((index >= -0.5) & (index <= last)).all(axis=0)
        values = ndimage.map_coordinates(self.moving.data, index[:, seen], order=1, mode="nearest")
        return self.values[::stride][seen], values

    def seen(self, moving_to_fixed: np.ndarray) -> float:
        """Return the share of the brain that lies in the moving scan's field of view."""
        return len(self.sample(moving_to_fixed, stride=7)[0]) / max(1, len(self.values[::7]))

    def fit(self, moving_to_fixed: np.ndarray, stride: int = 1, bins: int = 32) -> float:
        """Return how well the scans fit, nats a voxel of the brain; what is not seen says nothing."""
        fixed, moving = self.sample(moving_to_fixed, stride)
        if len(fixed) < FEWEST_SAMPLES / stride:
            return 0.0
        return excess_information(fixed, moving, bins) * len(fixed) / len(self.values[::stride])

    def moved(self, moving_to_fixed: np.ndarray) -> np.ndarray:
        """Return the moving scan on the cubes of the fixed one, float32, NaN beyond its field of view."""
        return resample(
            place(self.moving, self.local(moving_to_fixed)), self.fixed, order=1, antialias=False, fill=np.nan
        ).data

    def optimise(self, start: np.ndarray, seed: int, schedule: dict[str, Any]) -> np.ndarray:
        """Return the transform that ANTs finds from `start`.

        ANTs samples the image that it holds fixed, all of which the other must show. So a slab is held fixed, and
        the head is moved.
        """
        local = self.local(start)
        moved = place(self.moving, local)
        moving = resample(moved, isotropic_grid(moved, self.millimetres), order=1)
        if self.seen(start) < SLAB:
            found = np.linalg.inv(ants_rigid(moving, self.fixed, self._shown_brain(moving, local), seed, schedule))
        else:
            found = ants_rigid(self.fixed, moving, None, seed, schedule)
        matrix: np.ndarray = np.linalg.inv(self.shift) @ found @ local @ self.shift
        return matrix

    def local(self, moving_to_fixed: np.ndarray) -> np.ndarray:
        """Return a transform of this frame's own world."""
        matrix: np.ndarray = self.shift @ moving_to_fixed @ np.linalg.inv(self.shift)
        return matrix

    def _shown_brain(self, moving: Volume, local: np.ndarray) -> Volume | None:
        """Return where the moved scan shows the brain or 12 mm around it; none where that is nowhere."""
        near = ndimage.binary_dilation(self.brain, iterations=round(MARGIN_MM / self.millimetres))
        view = Volume(np.ones(self.moving.shape, np.uint8), local @ self.moving.affine)
        shown = resample(view, moving, order=0).data
        mask = shown & resample(self.fixed.with_data(near.astype(np.uint8)), moving, order=0).data
        return moving.with_data(mask) if mask.any() else None


def _smoothed(volume: Volume, millimetres: float) -> Volume:
    """Return a scan smoothed for sampling in steps of `millimetres`, float32."""
    sigma = antialias_sigma(index_map(isotropic_grid(volume, millimetres), volume))
    return Volume(ndimage.gaussian_filter(volume.data.astype(np.float32), sigma, mode="nearest"), volume.affine)
