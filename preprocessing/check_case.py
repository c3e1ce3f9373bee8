"""The check of one case: its files are readable, whole volumes, and its label map and brain mask lie on the grid."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.digests import DIGITS
from hifisyn.errors import FileError
from hifisyn.preprocessing.brain import looks_stripped
from hifisyn.preprocessing.findings import Finding, Severity
from hifisyn.volume import Volume

SMALLEST_AXIS = 8
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
        volume = Volume.load(path, constant=True)
    except (FileError, OSError) as error:
        yield _unreadable(case, file, error)
        return
    if image is not None and not volume.canonical().same_grid(image.canonical()):
        what = f"{file} must be on the grid of {reference} (shape {_shape(image)})"
        same = volume.shape == image.shape
        got, hint = "another one" if same else f"shape {_shape(volume)}", f"resample the {MAPS[kind]} to that image"
        yield Finding(case.name, file, Severity.ERROR, what, got, hint)
    yield from _check_labels(case, file, volume, dataset) if kind == "label" else _check_mask(case, file, volume)


def _check_labels(case: Case, file: str, label: Volume, dataset: Dataset) -> Iterator[Finding]:
    unknown = sorted(set(np.unique(label.data).tolist()) - set(dataset.labels.values()))
    if unknown:
        known = ", ".join(f"{name} {value}" for name, value in dataset.labels.items())
        got = ", ".join(f"{value:g}" for value in unknown[:5])
        what = f"{file} must hold the labels {known}"
        yield Finding(case.name, file, Severity.ERROR, what, got, "name them in dataset.json")


def _check_mask(case: Case, file: str, mask: Volume) -> Iterator[Finding]:
    if mask.data.min() < 0:
        what, got, hint = f"{file} must hold 0 and 1", f"{mask.data.min():g}", "save it as a mask"
    elif not mask.data.any():
        what, got, hint = f"{file} must not be empty", "", "draw the brain, or leave the mask out of dataset.json"
    elif mask.data.all():
        what, got = f"{file} must have voxels outside the brain", "brain everywhere"
        hint = "set the voxels outside to 0, or leave the mask out of dataset.json"
    else:
        return
    yield Finding(case.name, file, Severity.ERROR, what, got, hint)


def _shape(volume: Volume) -> str:
    return "x".join(map(str, volume.shape))
