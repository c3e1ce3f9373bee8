"""The check of one case: its files are readable, whole volumes, and its label map and brain mask lie on the grid."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.digests import DIGITS
from hifisyn.errors import FileError
from hifisyn.nifti_header import forms_apart
from hifisyn.preprocessing.brain import looks_stripped
from hifisyn.preprocessing.findings import Finding, Severity
from hifisyn.preprocessing.intensity_range import TISSUE_SHARE, measure_range
from hifisyn.preprocessing.labels import COMPUTED
from hifisyn.troubles import passes
from hifisyn.volume import Volume
from hifisyn.voxel_values import REPLACED

SMALLEST_AXIS = 8
APART_DEGREES, APART_MM = 1.0, 1.0
LEAST_INSIDE = 0.5
MAPS = {"label": "label map", "brain": "brain mask"}


@dataclass
class CheckedCase:
    """What the files of a case hold.

    Attributes:
        findings: on its files.
        spacings: millimetres between voxels by modality.
        contents: digest of the voxels by modality.
    """

    findings: list[Finding] = field(default_factory=list)
    spacings: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return plain data, which `from_json` turns into an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "CheckedCase":
        """Read what `as_json` returned."""
        findings = [Finding(**entry | {"severity": Severity(entry["severity"])}) for entry in content["findings"]]
        spacings = {modality: (i, j, k) for modality, (i, j, k) in content["spacings"].items()}
        return cls(findings, spacings, content["contents"])


def check_case(case: Case, dataset: Dataset) -> CheckedCase:
    """Read all files of a case; of the data set only the settings that hold for all cases are used."""
    checked = CheckedCase()
    if not case.images:
        what, hint = f"{case.name} must have an image", "remove it from dataset.json"
        checked.findings.append(Finding(case.name, "", Severity.ERROR, what, hint=hint))
    reference = dataset.reference if dataset.reference in case.images else next(iter(case.images), "")
    image: Volume | None = None
    for modality, path in case.images.items():
        file = shown_name(case, modality, dataset)
        try:
            volume = Volume.load(path)
        except (FileError, OSError) as error:
            if passes(error):
                raise
            checked.findings.append(_unreadable(case, file, error))
            continue
        checked.spacings[modality] = volume.spacing
        checked.contents[modality] = hashlib.sha256(volume.data.tobytes()).hexdigest()[:DIGITS]
        checked.findings += _check_image(case, file, volume)
        if modality == reference:
            image = volume
    stripped = dataset.skull_stripped or "skull_stripped" in case.done
    if image is not None and stripped and not looks_stripped(image):
        checked.findings.append(_whole_head(case, shown_name(case, reference, dataset)))
    for kind in MAPS:
        if kind in case.files:
            checked.findings += _check_map(case, kind, image, reference, dataset)
    return checked


def shown_name(case: Case, file: str, dataset: Dataset) -> str:
    """Return what users see as the name of a file: the case stands in where names identify people."""
    return f"{case.name}_{file}" if dataset.private else case.files[file].name


def _check_image(case: Case, file: str, volume: Volume) -> Iterator[Finding]:
    if min(volume.shape) < SMALLEST_AXIS:
        what, got = f"{file} must have at least {SMALLEST_AXIS} voxels along each axis", _shape(volume)
        yield Finding(case.name, file, Severity.ERROR, what, got, "export the whole scan")
    if volume.replaced:
        what, got = f"{file} must hold finite intensities", f"{volume.replaced} NaN or infinite voxels"
        yield Finding(case.name, file, Severity.WARNING, what, got, REPLACED)
    apart = forms_apart(volume.header)
    if apart and (apart[0] > APART_DEGREES or apart[1] > APART_MM):
        what = f"the sform and the qform of {file} must place it alike, unless it was registered"
        hint = "look at a picture of it beside the other scans; the sform is used"
        got = f"{apart[0]:.1f} degrees and {apart[1]:.1f} mm apart"
        yield Finding(case.name, file, Severity.WARNING, what, got, hint)
    if not volume.oriented:
        what = f"the header of {file} does not give the orientation of the head (sform and qform codes are 0)"
        hint = "look at a picture of it, or convert the DICOM again"
        yield Finding(case.name, file, Severity.WARNING, what, hint=hint)


def _whole_head(case: Case, file: str) -> Finding:
    what = f"{file} must be skull-stripped, as dataset.json states"
    return Finding(
        case.name,
        file,
        Severity.WARNING,
        what,
        "what looks like a whole head",
        "look at it, or set skull_stripped to false",
    )


def _unreadable(case: Case, file: str, error: FileError | OSError) -> Finding:
    if isinstance(error, OSError):
        what, got, hint = f"{file} cannot be read", error.strerror or type(error).__name__, ""
    else:
        known = error.called(file)
        what, got, hint = known.what, case.hide_paths(known.got), known.hint
    return Finding(case.name, file, Severity.ERROR, what, got, hint or "make it readable")


def _check_map(case: Case, kind: str, image: Volume | None, reference: str, dataset: Dataset) -> Iterator[Finding]:
    """Check the label map or the brain mask of a case."""
    file, path = shown_name(case, kind, dataset), case.files[kind]
    try:
        volume = Volume.load_labels(path) if kind == "label" else Volume.load_mask(path)
    except (FileError, OSError) as error:
        if passes(error):
            raise
        yield _unreadable(case, file, error)
        return
    fits = image is not None and volume.canonical().same_grid(image.canonical())
    if image is not None and not fits:
        what = f"{file} must be on the grid of {reference} (shape {_shape(image)})"
        same = volume.shape == image.shape
        got, hint = "another one" if same else f"shape {_shape(volume)}", f"resample the {MAPS[kind]} to that image"
        yield Finding(case.name, file, Severity.ERROR, what, got, hint)
    if kind == "brain":
        yield from _check_mask(case, file, volume)
        return
    yield from _check_labels(case, file, volume, dataset)
    if image is not None and fits:
        yield from _check_place(case, file, volume, image, reference)


def _check_labels(case: Case, file: str, label: Volume, dataset: Dataset) -> Iterator[Finding]:
    unknown = sorted(set(np.unique(label.data).tolist()) - set(dataset.labels.values()))
    if unknown:
        known = ", ".join(f"{name} {value}" for name, value in dataset.labels.items())
        got = ", ".join(map(str, unknown[:5]))
        what = f"{file} must hold the labels {known}"
        yield Finding(case.name, file, Severity.ERROR, what, got, "name them in dataset.json")
    tissues = [name for name in COMPUTED if name in dataset.labels]
    there = [name for name in tissues if (label.data == dataset.labels[name]).any()]
    if len(there) == 1 and len(tissues) > 1:
        what, got = f"{file} must hold {', '.join(tissues)}, or none of them", f"{there[0]} alone"
        yield Finding(case.name, file, Severity.WARNING, what, got, "look at it beside the scan")


def _check_place(case: Case, file: str, label: Volume, image: Volume, reference: str) -> Iterator[Finding]:
    """Check that what is labelled lies in the head: the map of another subject has the right grid, too."""
    labelled = label.canonical().data > 0
    if not labelled.any():
        return
    air, brightest = measure_range(image.data)
    inside = image.canonical().data[labelled] > air + TISSUE_SHARE * (brightest - air)
    if inside.mean() < LEAST_INSIDE:
        what = f"the labelled voxels of {file} must lie where {reference} is brighter than air"
        got, hint = f"{inside.mean():.0%} of them", "look at it: it may be of another subject"
        yield Finding(case.name, file, Severity.WARNING, what, got, hint)


def _check_mask(case: Case, file: str, mask: Volume) -> Iterator[Finding]:
    if not mask.data.any():
        what, got, hint = f"{file} must not be empty", "", "draw the brain, or leave the mask out of dataset.json"
    elif mask.data.all():
        what, got = f"{file} must have voxels outside the brain", "brain everywhere"
        hint = "set the voxels outside to 0, or leave the mask out of dataset.json"
    else:
        return
    yield Finding(case.name, file, Severity.ERROR, what, got, hint)


def _shape(volume: Volume) -> str:
    return "x".join(map(str, volume.shape))
