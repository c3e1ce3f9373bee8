"""Checks a raw data set before any work: one finding for each thing that is wrong or odd."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.parallel import map_cases
from hifisyn.errors import UserError
from hifisyn.preprocessing.brain import looks_stripped
from hifisyn.volume import Volume

SPACING_FACTOR = 2.0  # a voxel so much longer than the data set's median is odd
SMALLEST_AXIS = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or odd.

    Attributes:
        case: name, or "" for the data set.
        file: name of the file, or "".
        severity: a case with an error is left out; a warning is for the user to judge.
        problem: what was found.
        advice: what to do.
    """

    case: str
    file: str
    severity: Literal["error", "warning"]
    problem: str
    advice: str


@dataclass
class Checked:
    """What reading one case brought.

    Attributes:
        findings: on its files.
        spacings: millimetres between voxels by modality.
        contents: digest of the voxels by modality.
    """

    findings: list[Finding] = field(default_factory=list)
    spacings: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)


def verify(dataset: Dataset, *, processes: int | None = 0) -> list[Finding]:
    """Check every file of a data set: readable, 3D, finite, labels known and on the grid, spacing, subjects, doubles.

    Every volume is read once.

    Args:
        dataset: raw.
        processes: cases at a time; none: as many as fit; 0: in this process.

    Returns:
        Findings on the data set and its subjects, then on each case, then on cases compared with each other.
    """
    jobs = {case.name: (case, dataset) for case in dataset.all_cases.values()}
    checked, failures = map_cases(check_case, jobs, processes=processes, title="verify")
    findings = [*_labels(dataset), *_subjects(dataset)]
    for case in jobs:
        findings += checked[case].findings if case in checked else []
    findings += [Finding(f.case, "", "error", f.reason, "look at its files") for f in failures]
    return [*findings, *_outliers(dataset, checked), *_doubles(dataset, checked)]


def check_case(case: Case, dataset: Dataset) -> Checked:
    """Read all files of a case."""
    checked = Checked()
    if not case.images:
        checked.findings.append(Finding(case.name, "", "error", "it has no image", "remove it from dataset.json"))
    reference: Volume | None = None
    wanted = dataset.reference if dataset.reference in case.images else next(iter(case.images), "")
    for modality, path in case.images.items():
        try:
            volume = Volume.load(path)
        except (UserError, PermissionError) as error:
            checked.findings.append(_unreadable(case, path, error))
            continue
        checked.spacings[modality] = volume.spacing
        checked.contents[modality] = hashlib.sha256(volume.data.tobytes()).hexdigest()
        checked.findings += _image(case, path, volume)
        if modality == wanted:
            reference = volume
    if reference is not None and dataset.skull_stripped and not looks_stripped(reference):
        problem = "dataset.json says that skulls are removed, it looks like a whole head"
        advice = "look at it, or set skull_stripped to false"
        checked.findings.append(Finding(case.name, case.images[wanted].name, "warning", problem, advice))
    if case.label is not None:
        checked.findings += _label(case, case.label, reference, wanted, dataset)
    return checked


def _image(case: Case, path: Path, volume: Volume) -> Iterator[Finding]:
    if min(volume.shape) < SMALLEST_AXIS:
        shape = "x".join(map(str, volume.shape))
        yield Finding(case.name, path.name, "error", f"{shape} voxels are no head", "export the whole scan")
    if not volume.oriented:
        problem = "its header does not say how the head lies (sform and qform codes are 0)"
        yield Finding(case.name, path.name, "warning", problem, "look at a picture of it, or convert the DICOM anew")


def _unreadable(case: Case, path: Path, error: Exception) -> Finding:
    text = str(error).removeprefix(f"{path}: ")
    problem, _, advice = text.partition("; ")
    return Finding(case.name, path.name, "error", problem, advice or "make it readable")


def _label(case: Case, path: Path, reference: Volume | None, modality: str, dataset: Dataset) -> Iterator[Finding]:
    try:
        label = Volume.load(path, constant=True)
    except (UserError, PermissionError) as error:
        yield _unreadable(case, path, error)
        return
    if reference is not None and not label.same_grid(reference):
        shapes = " and ".join("x".join(map(str, v.shape)) for v in (label, reference))
        problem = f"it is not on the grid of {modality} (shapes {shapes})"
        yield Finding(case.name, path.name, "error", problem, "resample the label map to that image")
    unknown = sorted(set(np.unique(label.data).tolist()) - set(dataset.labels.values()))
    if unknown:
        values = ", ".join(f"{value:g}" for value in unknown[:5])
        known = ", ".join(f"{name} {value}" for name, value in dataset.labels.items())
        problem = f"it holds {values}, labels are {known}"
        yield Finding(case.name, path.name, "error", problem, "name them in dataset.json")


def _labels(dataset: Dataset) -> Iterator[Finding]:
    names = defaultdict(list)
    for name, value in dataset.labels.items():
        names[value].append(name)
    for value, sharing in names.items():
        if len(sharing) > 1:
            problem = f"the label value {value} stands for {' and '.join(sharing)}"
            yield Finding("", "", "warning", problem, "give each structure a value of its own in dataset.json")


def _subjects(dataset: Dataset) -> Iterator[Finding]:
    held_out = {case.subject for case in dataset.test.values()}
    for case in dataset.cases.values():
        if case.subject in held_out:
            problem = f"its subject {case.subject} is held out too"
            advice = "move all cases of the subject to one side in dataset.json"
            yield Finding(case.name, "", "error", problem, advice)
    for modality in dataset.modalities:
        if not any(modality in case.images for case in dataset.cases.values()):
            yield Finding("", "", "warning", f"no training case has {modality}", "it cannot be trained on")


def _outliers(dataset: Dataset, checked: dict[str, Checked]) -> Iterator[Finding]:
    for modality in dataset.modalities:
        by_case = {case: found.spacings[modality] for case, found in checked.items() if modality in found.spacings}
        if not by_case:
            continue
        median = np.median([sorted(spacing) for spacing in by_case.values()], axis=0)
        for case, spacing in by_case.items():
            if (np.sort(spacing) > SPACING_FACTOR * median).any():
                name = dataset.all_cases[case].images[modality].name
                problem = f"voxels of {_times(spacing)} mm, usual are {_times(median)}"
                yield Finding(case, name, "warning", problem, "look at it; leave it out if thick")


def _times(spacing: Iterable[float]) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing)


def _doubles(dataset: Dataset, checked: dict[str, Checked]) -> Iterator[Finding]:
    """Find scans that are there twice; one in training and held out would make every result look better."""
    first: dict[str, tuple[str, str]] = {}
    for case, found in checked.items():
        for modality, content in found.contents.items():
            name = dataset.all_cases[case].images[modality].name
            if content not in first:
                first[content] = (case, name)
                continue
            other, file = first[content]
            parted = (case in dataset.test) != (other in dataset.test)
            problem = f"it holds the same voxels as {file}" + (" of the training cases" if parted else "")
            yield Finding(case, name, "error" if parted else "warning", problem, "remove one of them")
