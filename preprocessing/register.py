"""Rigid registration of two contrasts of one head, by mutual information (ANTs).

Everything is handed to ANTs on grids whose axes are the world's (RAS), so its physical space IS our world and no
sign convention has to be converted.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.engine.resources import one_itk_thread
from hifisyn.preprocessing.resample import isotropic_grid, resample, resample_mask
from hifisyn.volume import Volume

COARSE_MM, FINE_MM = 4.0, 2.0
MARGIN_MM = 12.0
SAME_START_MM = 15.0
BINS = 32
ENOUGH_OVERLAP = 0.5

# Of ANTs' schedules tried on raw clinical scans, these found offsets of 30 degrees and 60 mm, and came back to
# within 0.5 mm, in a few seconds. The coarse stage sees whole heads, which widens its capture range.
COARSE = {"aff_random_sampling_rate": 0.2, "aff_iterations": (300, 200, 100, 0)}
FINE = {
    "aff_random_sampling_rate": 0.15,
    "aff_shrink_factors": (2, 1),
    "aff_smoothing_sigmas": (1, 0),
    "aff_iterations": (200, 10),
    "grad_step": 0.1,
}


@dataclass(frozen=True)
class Registration:
    """The outcome of a registration.

    Attributes:
        moving_to_fixed: (4, 4) rigid, world mm (RAS) of the moving image to world mm of the fixed one.
        before, after: mutual information in the fixed brain, nats, by the headers alone and registered.
        start: the initial placement that won: "scanner", "mass" or "centre".
    """

    moving_to_fixed: np.ndarray
    before: float
    after: float
    start: str


def register(fixed: Volume, moving: Volume, brain: Volume, *, seed: int = 0) -> Registration:
    """Find the rigid transform that puts `moving` onto `fixed`.

    The placements to start from (as the scanner says, centres of mass, centres of the fields of view) are optimised
    at 4 mm; the one with the highest mutual information is refined at 2 mm. Where nothing beats the scanner's own
    placement, that stays.

    Args:
        fixed: whole head or stripped.
        moving: the same head, any contrast and grid.
        brain: mask on the grid of `fixed`; the fine metric looks at it and 12 mm around it.
        seed: of ANTs' random sampling.
    """
    coarse, fine = (_Frame(fixed, moving, brain, millimetres) for millimetres in (COARSE_MM, FINE_MM))
    tried = [(0.0, "scanner", np.eye(4))]
    for name, start in _starts(fixed, moving, fine.middle).items():
        found = coarse.optimise(start, seed, COARSE)
        tried += [(coarse.information(m), name, m) for m in (start, found)]
    _, name, best = max(tried, key=lambda entry: entry[0])
    candidates = [np.eye(4), best, fine.optimise(best, seed, FINE, masked=True)]
    informations = [fine.information(m) for m in candidates]
    winner = int(np.argmax(informations))
    return Registration(candidates[winner], informations[0], informations[winner], name if winner else "scanner")


def place(moving: Volume, moving_to_fixed: np.ndarray) -> Volume:
    """Return the moving volume with the transform in its affine; no value changes."""
    return Volume(moving.data, moving_to_fixed @ moving.affine, moving.header)


def mutual_information(a: np.ndarray, b: np.ndarray, bins: int = BINS) -> float:
    """Return the mutual information of two samples of equal length, in nats, from a joint histogram.

    The bins span the 0.5th to the 99.5th percentile; what lies beyond falls into the outermost.

    >>> x = np.arange(1000.0)
    >>> round(mutual_information(x, -x, bins=10), 2), round(mutual_information(x, np.ones(1000)), 2)
    (2.3, 0.0)
    """
    joint = np.bincount(_binned(a, bins) * bins + _binned(b, bins), minlength=bins * bins).reshape(bins, bins)
    p = joint / joint.sum()
    independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    filled = p > 0
    return max(0.0, float((p[filled] * np.log(p[filled] / independent[filled])).sum()))


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    low, high = np.percentile(values, [0.5, 99.5])
    scaled = (values - low) * (bins / ((high - low) or 1.0))
    numbers: np.ndarray = np.clip(scaled, 0, bins - 1).astype(np.int64)
    return numbers


class _Frame:
    """Both images on cubes of one size, in a world whose origin is the middle of the brain."""

    def __init__(self, fixed: Volume, moving: Volume, brain: Volume, millimetres: float) -> None:
        self.middle = _centre_of_mass(brain)
        self.shift = _translation(-self.middle)
        self.moving = place(moving, self.shift)
        self.millimetres = millimetres
        head = isotropic_grid(place(fixed, self.shift), millimetres, np.zeros(3))
        mask = resample_mask(place(brain, self.shift), head)
        self.brain = mask.data > 0
        self.near = ndimage.binary_dilation(self.brain, iterations=round(MARGIN_MM / millimetres))
        self.fixed = resample(place(fixed, self.shift), head, order=1)

    def information(self, moving_to_fixed: np.ndarray) -> float:
        """Return the mutual information in the brain; too little overlap counts as none."""
        moved = resample(place(self.moving, self._local(moving_to_fixed)), self.fixed, order=1, fill=np.nan)
        inside = moved.data[self.brain]
        seen = np.isfinite(inside)
        if seen.mean() < ENOUGH_OVERLAP:
            return 0.0
        return mutual_information(self.fixed.data[self.brain][seen], inside[seen])

    def optimise(self, start: np.ndarray, seed: int, schedule: dict[str, Any], *, masked: bool = False) -> np.ndarray:
        """Return the rigid transform that ANTs finds from `start`, both moving_to_fixed in the true world."""
        local = self._local(start)
        moved = place(self.moving, local)
        moving = resample(moved, isotropic_grid(moved, self.millimetres), order=1)
        fixed, mask = self.fixed, None
        if masked:
            fixed, mask = _cropped(self.fixed, self.near), _cropped(self.fixed.with_data(self.near), self.near)
        found = _ants_rigid(fixed, moving, mask, seed, schedule)
        matrix: np.ndarray = np.linalg.inv(self.shift) @ found @ local @ self.shift
        return matrix

    def _local(self, moving_to_fixed: np.ndarray) -> np.ndarray:
        matrix: np.ndarray = self.shift @ moving_to_fixed @ np.linalg.inv(self.shift)
        return matrix


def _cropped(volume: Volume, where: np.ndarray) -> Volume:
    """Return the bounding box of `where`."""
    box = ndimage.find_objects(where.astype(np.uint8))[0]
    corner = _translation(np.array([side.start for side in box]))
    return Volume(volume.data[box], volume.affine @ corner)


def _starts(fixed: Volume, moving: Volume, middle: np.ndarray) -> dict[str, np.ndarray]:
    """Return the placements to try, moving_to_fixed, by name; those close to an earlier one are left out."""
    shifts = {
        "scanner": np.zeros(3),
        "mass": _centre_of_mass(fixed) - _centre_of_mass(moving),
        "centre": _centre_of_view(fixed) - _centre_of_view(moving),
    }
    starts: dict[str, np.ndarray] = {}
    for name, shift in shifts.items():
        if all(np.linalg.norm(shift - other[:3, 3]) > SAME_START_MM for other in starts.values()):
            starts[name] = _translation(shift)
    return starts


def _translation(shift: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return matrix


def _centre_of_mass(volume: Volume) -> np.ndarray:
    weights = np.clip(volume.data, 0, None).astype(np.float64)
    index = ndimage.center_of_mass(weights)
    place: np.ndarray = (volume.affine @ [*index, 1.0])[:3]
    return place


def _centre_of_view(volume: Volume) -> np.ndarray:
    middle = [(n - 1) / 2 for n in volume.shape]
    return (volume.affine @ [*middle, 1.0])[:3]


def _ants_rigid(fixed: Volume, moving: Volume, mask: Volume | None, seed: int, schedule: dict[str, Any]) -> np.ndarray:
    """Return moving-to-fixed (4, 4) between two volumes whose axes are the world's."""
    one_itk_thread()
    import ants

    def image(volume: Volume) -> Any:
        data = volume.data.astype(np.float32)
        return ants.from_numpy(data, origin=list(volume.affine[:3, 3]), spacing=list(volume.spacing))

    with tempfile.TemporaryDirectory() as folder, _seeded(seed):
        result = ants.registration(
            fixed=image(fixed),
            moving=image(moving),
            type_of_transform="Rigid",
            initial_transform="Identity",
            mask=None if mask is None else image(mask),
            mask_all_stages=True,
            outprefix=str(Path(folder) / "rigid_"),
            **schedule,
        )
        forward = ants.read_transform(result["fwdtransforms"][0])
    corners = np.vstack([np.zeros(3), 100 * np.eye(3)])
    mapped = np.array([forward.apply_to_point(tuple(corner)) for corner in corners])
    fixed_to_moving = np.eye(4)
    fixed_to_moving[:3, :3] = (mapped[1:] - mapped[0]).T / 100
    fixed_to_moving[:3, 3] = mapped[0]
    return np.linalg.inv(fixed_to_moving)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed ANTs' sampling by its variable: antspyx 0.6 swallows the argument `random_seed`."""
    before = os.environ.get("ANTS_RANDOM_SEED")
    os.environ["ANTS_RANDOM_SEED"] = str(seed + 1)  # 0 means: take the clock
    try:
        yield
    finally:
        if before is None:
            del os.environ["ANTS_RANDOM_SEED"]
        else:
            os.environ["ANTS_RANDOM_SEED"] = before
