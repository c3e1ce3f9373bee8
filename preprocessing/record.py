"""What was done to a case, in enough detail to undo every step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from hifisyn.errors import UserError
from hifisyn.preprocessing.normalize import Intensity
from hifisyn.preprocessing.registration_checks import Checks, Verdict
from hifisyn.preprocessing.steps import Stage, Step
from hifisyn.volume import Volume, grid

Matrix = tuple[tuple[float, ...], ...]

IDENTITY: Matrix = tuple(tuple(float(i == j) for j in range(4)) for i in range(4))


def matrix(array: Any) -> Matrix:
    """Return a 2D array as nested tuples, which compare and go into JSON without loss."""
    return tuple(tuple(float(x) for x in row) for row in array)


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes:
        shape: voxels along each axis.
        affine: (4, 4), voxel index to millimetres in RAS+.
    """

    shape: tuple[int, int, int]
    affine: Matrix

    @classmethod
    def of(cls, volume: Volume) -> "Grid":
        """Return the grid of a volume."""
        return cls(volume.shape, matrix(volume.affine))

    def volume(self) -> Volume:
        """Return an empty volume on the grid, to resample onto."""
        return grid(self.shape, np.array(self.affine))


@dataclass(frozen=True)
class Scan:
    """What was done to one contrast.

    Attributes:
        original: grid of the file, before any axis was flipped or permuted.
        moving_to_fixed: (4, 4), world mm of this scan to world mm of the reference; identity for the reference.
        checks: of the registration; none where not registered.
        bias_strength: measured strength of the receive field in the brain (`bias.strength`); none if not measured.
        bias_corrected: whether it was divided out.
        intensity: scanner units (after bias correction) to [-1, 1]; none before slices are extracted.
        replaced_voxels: NaN or infinite in the file, and given another value.
    """

    original: Grid
    moving_to_fixed: Matrix = IDENTITY
    checks: Checks | None = None
    bias_strength: float | None = None
    bias_corrected: bool = False
    intensity: Intensity | None = None
    replaced_voxels: int = 0

    @classmethod
    def of(cls, volume: Volume) -> "Scan":
        """Return the scan as it was read, before anything is done to it."""
        return cls(Grid.of(volume), replaced_voxels=volume.replaced)

    @property
    def verdict(self) -> Verdict:
        """How far its place on the reference may be trusted; what was not registered is taken at its word."""
        return self.checks.verdict if self.checks else Verdict.TRUSTED


@dataclass(frozen=True)
class Record:
    """What was done to a case.

    Attributes:
        reference: the modality in whose world and near whose grid all others were put.
        scans: by modality.
        steps: what each stage did.
        brain_ml: volume of the brain mask, millilitres.
        slice_grid: grid of the slices, orientation LPS, shape (W, H, number of places); none before they are
            extracted.
        slice_indices: place of each training slice along the third axis of `slice_grid`, from inferior to superior; of
            a scan to predict: of each slice that holds brain.
        stored_indices: place of each stored slice, those between the training slices too; none of a scan to predict.
        outside_crop: share of the brain that lies outside the field of view of the networks.
    """

    reference: str
    scans: dict[str, Scan]
    steps: dict[Stage, Step] = field(default_factory=dict)
    brain_ml: float = 0.0
    slice_grid: Grid | None = None
    slice_indices: tuple[int, ...] = ()
    stored_indices: tuple[int, ...] = ()
    outside_crop: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain data, which `from_json` turns into an equal record."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Record":
        """Read what `as_json` wrote; further keys, such as those of a slice store, are passed over.

        Raises:
            UserError: it is no such record.
        """
        try:
            return cls._read(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise UserError("the record of a case must be whole", got=got, hint="remove it and run again") from None

    @classmethod
    def _read(cls, content: dict[str, Any]) -> "Record":
        return cls(
            reference=content["reference"],
            scans={modality: _scan(entry) for modality, entry in content["scans"].items()},
            steps=steps_of(content),
            brain_ml=content["brain_ml"],
            slice_grid=_grid(content["slice_grid"]) if content["slice_grid"] else None,
            slice_indices=tuple(content["slice_indices"]),
            stored_indices=tuple(content["stored_indices"]),
            outside_crop=content["outside_crop"],
        )

    def with_intensity(self, intensities: dict[str, Intensity]) -> "Record":
        """Return the record with the intensity maps of its scans filled in."""
        scans = {m: replace(scan, intensity=intensities.get(m, scan.intensity)) for m, scan in self.scans.items()}
        return replace(self, scans=scans)


def steps_of(content: dict[str, Any]) -> dict[Stage, Step]:
    """Return the steps of a record that was read as plain data; empty where it names none."""
    return {Stage(stage): Step.from_json(step) for stage, step in content.get("steps", {}).items()}


def untrusted(content: Mapping[str, Any]) -> dict[str, Checks]:
    """Return the checks of the scans whose registration is not trusted, by modality, of a record as plain data."""
    found = {m: Checks(**scan["checks"]) for m, scan in content.get("scans", {}).items() if scan.get("checks")}
    return {modality: checks for modality, checks in found.items() if checks.verdict is not Verdict.TRUSTED}


def _grid(content: dict[str, Any]) -> Grid:
    i, j, k = content["shape"]
    return Grid((i, j, k), matrix(content["affine"]))


def _scan(content: dict[str, Any]) -> Scan:
    checks, intensity = content["checks"], content["intensity"]
    return Scan(
        original=_grid(content["original"]),
        moving_to_fixed=matrix(content["moving_to_fixed"]),
        checks=Checks(**checks) if checks else None,
        bias_strength=content["bias_strength"],
        bias_corrected=content["bias_corrected"],
        intensity=Intensity(**intensity) if intensity else None,
        replaced_voxels=content["replaced_voxels"],
    )
