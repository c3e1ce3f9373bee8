"""Label maps that people correct: exported on the grid of the reference scan's file, imported from there.

The aligned label map has its axes turned to RAS. People correct it on the voxels of the scan as they know it, and what
comes back is on that grid too, as a label map that comes with a raw data set would be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hifisyn.engine.jobs import Failure
from hifisyn.engine.parallel import map_cases, run_cases
from hifisyn.errors import FileError, UserError
from hifisyn.files import write_text
from hifisyn.paths import ALIGNED
from hifisyn.pictures import label_colour
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.preprocessing.record import Record
from hifisyn.preprocessing.resample import resample
from hifisyn.volume import Volume

MANUAL = "labels_manual"
DESCRIPTION, ENDING = "labels.txt", "_labels.nii.gz"

# What ITK-SNAP reads: index, red, green, blue, opacity, visible, mesh visible, name.
HEADER = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
# Fields:
#    IDX:   Zero-based index
#    -R-:   Red color component (0..255)
#    -G-:   Green color component (0..255)
#    -B-:   Blue color component (0..255)
#    -A-:   Label transparency (0.00 .. 1.00)
#    VIS:   Label visibility (0 or 1)
#    MSH:   Label mesh visibility (0 or 1)
#  LABEL:   Label description
################################################
"""


@dataclass(frozen=True)
class Correction:
    """What a corrected label map changes.

    Attributes:
        voxels: that have another label than before; 0: nothing was written.
        millilitres: their volume.
    """

    voxels: int
    millilitres: float


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        corrections: by case, those that change nothing too.
        refused: files that were not taken, and why.
    """

    corrections: dict[str, Correction] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def manual_label_path(preprocessed: Path, case: str) -> Path:
    """Return where the corrected label map of a case lies: on the grid of the reference scan as its file has it.

    Args:
        preprocessed: folder of the preprocessed data set.
        case: its name.
    """
    return preprocessed / MANUAL / f"{case}.nii.gz"


def label_description(labels: Mapping[str, int]) -> str:
    """Return the label description file of ITK-SNAP, in the colours of our pictures.

    >>> print(label_description({"background": 0, "CSF": 1}).splitlines()[-1])
        1    86  180  233        1  1  1    "CSF"
    """
    lines = ['    0     0    0    0        0  0  0    "Clear Label"']
    for name, value in sorted(labels.items(), key=lambda item: item[1]):
        if value:
            red, green, blue = label_colour(value)
            word = name.replace('"', "'")
            lines.append(f'{value:5d} {red:5d} {green:4d} {blue:4d}        1  1  1    "{word}"')
    return HEADER + "\n".join(lines) + "\n"


def export(
    preprocessed: Path,
    folder: Path,
    labels: Mapping[str, int],
    cases: Sequence[str] = (),
    *,
    overwrite: bool = False,
    processes: int | None = None,
) -> list[Failure]:
    """Write the reference scan and the label map of each case, and the label description file, into a folder.

    Args:
        preprocessed: folder of the preprocessed data set.
        folder: where to; CASE_T1.nii.gz and CASE_labels.nii.gz for each case.
        labels: structure to value.
        cases: their names; none: all that are aligned.
        overwrite: replace what was exported before, and the corrections in it.
        processes: cases at a time; none: as many as fit.
    """
    names = list(cases) or AlignedStore(preprocessed / ALIGNED).cases()
    if not names:
        raise UserError(f"{preprocessed / ALIGNED} holds no aligned cases", hint="run hifisyn_plan_and_preprocess")
    write_text(folder / DESCRIPTION, label_description(labels))
    jobs = {case: (preprocessed, folder, case, overwrite) for case in names}
    return run_cases(export_case, jobs, processes=processes, title="export")


def export_case(preprocessed: Path, folder: Path, case: str, overwrite: bool) -> None:
    """Write the two files of one case; where it has no labels, an empty map to draw on.

    Raises:
        UserError: it is not aligned, or was exported before.
    """
    store = AlignedStore(preprocessed / ALIGNED)
    reference, grid = _reference(store, case)
    image = resample(store.image(case, reference), grid, order=0)
    files = {
        folder / f"{case}_{reference}.nii.gz": Volume(image.data, grid.affine),
        folder / f"{case}{ENDING}": _labels_before(preprocessed, case, grid),
    }
    for path in files:
        if path.exists() and not overwrite:
            raise FileError(
                path, "already exists and may hold corrections", hint="pass --overwrite or name another folder"
            )
    for path, volume in files.items():
        volume.save(path, overwrite=True)


def import_folder(
    preprocessed: Path,
    folder: Path,
    labels: Mapping[str, int],
    *,
    overwrite: bool = False,
    processes: int | None = None,
) -> Imported:
    """Take over the corrected label maps of a folder; see `import_case`. A refused map does not stop the others.

    Raises:
        UserError: the folder holds no label maps.
    """
    files: dict[str, list[Path]] = {}
    for path in sorted([*folder.glob(f"*{ENDING}"), *folder.glob(f"*{ENDING.removesuffix('.gz')}")]):
        files.setdefault(path.name.removesuffix(".gz").removesuffix(ENDING.removesuffix(".gz")), []).append(path)
    if not files:
        raise UserError(f"{folder} holds no label maps CASE{ENDING}", hint="name the folder they were exported to")
    twice = {case: paths for case, paths in files.items() if len(paths) > 1}
    jobs = {
        case: (preprocessed, case, paths[0], dict(labels), overwrite)
        for case, paths in files.items()
        if case not in twice
    }
    done, failures = map_cases(import_case, jobs, processes=processes, title="import") if jobs else ({}, [])
    refused = {
        case: str(UserError("there must be one file", got=" and ".join(path.name for path in paths), hint="remove one"))
        for case, paths in twice.items()
    }
    return Imported(done, refused | {failure.case: failure.reason for failure in failures})


def import_case(preprocessed: Path, case: str, file: Path, labels: Mapping[str, int], overwrite: bool) -> Correction:
    """Check a corrected label map and take it over where it differs from the one that is there.

    Raises:
        UserError: the case is unknown, the map is on another grid, is empty, or holds values that dataset.json does not
            name, or an earlier correction would be replaced.
    """
    store = AlignedStore(preprocessed / ALIGNED)
    reference, grid = _reference(store, case)
    corrected = Volume.load_labels(file)
    if not corrected.same_grid(grid):
        raise FileError(
            file,
            f"must be on the grid of {case}_{reference}.nii.gz, {_described(grid)}",
            got=_described(corrected),
            hint="correct the exported map without resampling it",
        )
    if odd := [value for value in np.unique(corrected.data) if value not in labels.values()]:
        known = ", ".join(f"{value} {name}" for name, value in labels.items())
        raise FileError(file, f"must hold the labels {known}", got=odd[0], hint="give those voxels another label")
    data = corrected.data.astype(np.uint8)
    before = _labels_before(preprocessed, case, grid)
    voxels = int((data != before.data).sum())
    if voxels:
        if not data.any():
            raise FileError(file, "holds no labelled voxels", hint="remove it to leave the case as it is")
        path = manual_label_path(preprocessed, case)
        if path.exists() and not overwrite:
            raise UserError(
                f"{case} was corrected before by another map than {file}", hint="pass --overwrite to replace that one"
            )
        Volume(data, grid.affine).save(path, overwrite=True)
    return Correction(voxels, voxels * grid.voxel_ml)


def _reference(store: AlignedStore, case: str) -> tuple[str, Volume]:
    """Return the reference modality of a case and the grid of its file."""
    record = Record.from_json(store.record(case))
    return record.reference, record.scans[record.reference].original.volume()


def _labels_before(preprocessed: Path, case: str, grid: Volume) -> Volume:
    """Return the label map that holds now, uint8 on the grid of the reference scan's file."""
    manual = manual_label_path(preprocessed, case)
    if manual.exists():
        return Volume(Volume.load_labels(manual).data, grid.affine)
    store = AlignedStore(preprocessed / ALIGNED)
    if not store.record(case)["labelled"]:
        return Volume(np.zeros(grid.shape, np.uint8), grid.affine)
    return Volume(resample(store.label(case), grid, order=0).data, grid.affine)


def _described(volume: Volume) -> str:
    shape, spacing = (" x ".join(f"{n:.4g}" for n in numbers) for numbers in (volume.shape, volume.spacing))
    corner = ", ".join(f"{x:.2f}" for x in volume.affine[:3, 3])
    return f"{shape} voxels of {spacing} mm towards {volume.axcodes} from ({corner})"
