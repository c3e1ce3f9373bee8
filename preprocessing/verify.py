"""Checks a raw data set before any work: one finding for each thing that is wrong or odd."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.digests import DIGITS, digest
from hifisyn.engine.subject import Done, Task
from hifisyn.engine.sweep import Engine, used
from hifisyn.errors import UserError
from hifisyn.preprocessing.brain import looks_stripped
from hifisyn.volume import Volume

STEP = "verify"
# Raised whenever the same files give other findings.
FORMAT = 1
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

    def as_json(self) -> dict[str, Any]:
        """Return plain data, which `from_json` turns into an equal value."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Checked":
        """Read what `as_json` returned."""
        spacings = {modality: (i, j, k) for modality, (i, j, k) in content["spacings"].items()}
        return cls([Finding(**finding) for finding in content["findings"]], spacings, content["contents"])


def verify(dataset: Dataset, *, processes: int | None = 0, engine: Engine | None = None) -> list[Finding]:
    """Check every file of a data set: readable, 3D, finite, labels and masks on the grid, spacing, subjects, doubles.

    Every volume is read once, and not again while it stays as it is where the engine has a ledger.

    Args:
        dataset: raw.
        processes: subjects at a time; none: as many as fit; 0: in this process. The engine's count where one is given.
        engine: what does the work.

    Returns:
        Findings on the data set and its subjects, then on each case, then on cases compared with each other.
    """
    with used(engine, processes) as worker:
        failures = worker.sweep(STEP, verify_case, _tasks(dataset))
    checked = {}
    for case in dataset.all_cases:
        entry = worker.ledger.entry(case, STEP)
        if entry is not None and entry.facts is not None:
            checked[case] = Checked.from_json(entry.facts)
    findings = [*_labels(dataset), *_subjects(dataset)]
    findings += [finding for found in checked.values() for finding in found.findings]
    odd = [failure for failure in failures if failure.case not in checked]
    findings += [Finding(failure.case, "", "error", failure.reason, "look at its files") for failure in odd]
    return [*findings, *_outliers(dataset, checked), *_doubles(dataset, checked)]


def _tasks(dataset: Dataset) -> Iterator[Task]:
    # What is said of all cases goes with each; the cases themselves would be sent to the workers over and over.
    common = replace(dataset, cases={}, test={})
    settings = (FORMAT, dataset.modalities, dataset.labels, dataset.reference, dataset.skull_stripped, dataset.private)
    configs = {done: digest(settings, done) for done in {case.done for case in dataset.all_cases.values()}}
    for case in dataset.all_cases.values():
        yield Task(case, (case, common), case.files, configs[case.done], private=dataset.private)


def verify_case(key: str, case: Case, dataset: Dataset) -> Done:
    """Do the step of the engine: a case with an error has failed, and what was found is kept."""
    checked = check_case(case, dataset)
    errors = [finding for finding in checked.findings if finding.severity == "error"]
    return Done(error=_in_words(errors[0]) if errors else "", facts=checked.as_json())


def _in_words(finding: Finding) -> str:
    return f"{finding.file + ': ' if finding.file else ''}{finding.problem}; {finding.advice}"


def check_case(case: Case, dataset: Dataset) -> Checked:
    """Read all files of a case; of the data set only what it says of all its cases is looked at."""
    checked = Checked()
    if not case.images:
        checked.findings.append(Finding(case.name, "", "error", "it has no image", "remove it from dataset.json"))
    reference: Volume | None = None
    wanted = dataset.reference if dataset.reference in case.images else next(iter(case.images), "")
    for modality, path in case.images.items():
        file = _shown(case, modality, dataset)
        try:
            volume = Volume.load(path)
        except (UserError, OSError) as error:
            checked.findings.append(_unreadable(case, path, file, error))
            continue
        checked.spacings[modality] = volume.spacing
        checked.contents[modality] = hashlib.sha256(volume.data.tobytes()).hexdigest()[:DIGITS]
        checked.findings += _image(case, file, volume)
        if modality == wanted:
            reference = volume
    stripped = dataset.skull_stripped or "skull_stripped" in case.done
    if reference is not None and stripped and not looks_stripped(reference):
        problem = "dataset.json says that skulls are removed, it looks like a whole head"
        advice = "look at it, or set skull_stripped to false"
        checked.findings.append(Finding(case.name, _shown(case, wanted, dataset), "warning", problem, advice))
    for what in ("label", "brain"):
        if what in case.files:
            checked.findings += _map(case, what, reference, wanted, dataset)
    return checked


def _shown(case: Case, what: str, dataset: Dataset) -> str:
    """Return how a file is called before the user: by its name, or by the case where names tell who it is."""
    return f"{case.name}_{what}" if dataset.private else case.files[what].name


def _image(case: Case, file: str, volume: Volume) -> Iterator[Finding]:
    if min(volume.shape) < SMALLEST_AXIS:
        yield Finding(case.name, file, "error", f"{_shape(volume)} voxels are no head", "export the whole scan")
    if not volume.oriented:
        problem = "its header does not say how the head lies (sform and qform codes are 0)"
        yield Finding(case.name, file, "warning", problem, "look at a picture of it, or convert the DICOM anew")


def _unreadable(case: Case, path: Path, file: str, error: Exception) -> Finding:
    text = str(error).removeprefix(f"{path}: ")
    problem, _, advice = (text if file == path.name else case.hide_paths(text)).partition("; ")
    return Finding(case.name, file, "error", problem, advice or "make it readable")


def _map(case: Case, what: str, reference: Volume | None, modality: str, dataset: Dataset) -> Iterator[Finding]:
    """Check the label map or the brain mask of a case."""
    file, path = _shown(case, what, dataset), case.files[what]
    called = "label map" if what == "label" else "brain mask"
    try:
        volume = Volume.load(path, constant=True)
    except (UserError, OSError) as error:
        yield _unreadable(case, path, file, error)
        return
    if reference is not None and not volume.canonical().same_grid(reference.canonical()):
        problem = f"it is not on the grid of {modality} (shapes {_shape(volume)} and {_shape(reference)})"
        yield Finding(case.name, file, "error", problem, f"resample the {called} to that image")
    problem, advice = _values(volume, dataset) if what == "label" else _mask(volume)
    if problem:
        yield Finding(case.name, file, "error", problem, advice)


def _values(label: Volume, dataset: Dataset) -> tuple[str, str]:
    unknown = sorted(set(np.unique(label.data).tolist()) - set(dataset.labels.values()))
    if not unknown:
        return "", ""
    values = ", ".join(f"{value:g}" for value in unknown[:5])
    known = ", ".join(f"{name} {value}" for name, value in dataset.labels.items())
    return f"it holds {values}, labels are {known}", "name them in dataset.json"


def _mask(mask: Volume) -> tuple[str, str]:
    if mask.data.min() < 0:
        return f"it holds {mask.data.min():g}, a brain mask holds 0 and 1", "save it as a mask"
    if not mask.data.any():
        return "it is empty", "draw the brain, or leave the mask out of dataset.json"
    if mask.data.all():
        return "all of it is brain", "set the voxels outside to 0, or leave the mask out of dataset.json"
    return "", ""


def _shape(volume: Volume) -> str:
    return "x".join(map(str, volume.shape))


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
    cases = dataset.all_cases
    for modality in dataset.modalities:
        by_case = {case: found.spacings[modality] for case, found in checked.items() if modality in found.spacings}
        if not by_case:
            continue
        spacings = np.sort(np.array(list(by_case.values())), axis=1)
        median = np.median(spacings, axis=0)
        thick = (spacings > SPACING_FACTOR * median).any(axis=1)
        for (case, spacing), odd in zip(by_case.items(), thick, strict=True):
            if odd:
                problem = f"voxels of {_times(spacing)} mm, usual are {_times(median)}"
                name = _shown(cases[case], modality, dataset)
                yield Finding(case, name, "warning", problem, "look at it; leave it out if thick")


def _times(spacing: Iterable[float]) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing)


def _doubles(dataset: Dataset, checked: dict[str, Checked]) -> Iterator[Finding]:
    """Find scans that are there twice; one in training and held out would make every result look better."""
    first: dict[str, tuple[str, str]] = {}
    cases = dataset.all_cases
    for case, found in checked.items():
        for modality, content in found.contents.items():
            name = _shown(cases[case], modality, dataset)
            if content not in first:
                first[content] = (case, name)
                continue
            other, file = first[content]
            parted = (case in dataset.test) != (other in dataset.test)
            problem = f"it holds the same voxels as {file}" + (" of the training cases" if parted else "")
            yield Finding(case, name, "error" if parted else "warning", problem, "remove one of them")
