"""Checks a raw data set before any work: one finding for each thing that is wrong or odd."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.errors import UserError
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


def verify(dataset: Dataset) -> list[Finding]:
    """Check every file of a data set: readable, 3D, finite, labels known and on the grid, spacing, subjects.

    Every volume is read once. The order is that of the cases.
    """
    findings: list[Finding] = list(_subjects(dataset))
    spacings: dict[str, dict[str, tuple[float, float, float]]] = defaultdict(dict)
    for case in dataset.all_cases.values():
        findings += _case(case, dataset, spacings)
    return findings + list(_outliers(dataset, spacings))


def _subjects(dataset: Dataset) -> Iterator[Finding]:
    held_out = {case.subject for case in dataset.test.values()}
    for case in dataset.cases.values():
        if case.subject in held_out:
            yield Finding(
                case.name,
                "",
                "error",
                f"its subject {case.subject} is held out too",
                "move all cases of the subject to one side in dataset.json",
            )
    if dataset.registered:
        return
    lone = [m for m in dataset.modalities if not any(m in case.images for case in dataset.cases.values())]
    for modality in lone:
        yield Finding("", "", "warning", f"no training case has {modality}", "it cannot be trained on")


def _case(
    case: Case, dataset: Dataset, spacings: dict[str, dict[str, tuple[float, float, float]]]
) -> Iterator[Finding]:
    if not case.images:
        yield Finding(case.name, "", "error", "it has no image", "remove it from dataset.json")
    reference: Volume | None = None
    wanted = dataset.reference if dataset.reference in case.images else next(iter(case.images), "")
    for modality, path in case.images.items():
        try:
            volume = Volume.load(path)
        except (UserError, PermissionError) as error:
            yield _unreadable(case, path, error)
            continue
        spacings[modality][case.name] = volume.spacing
        if min(volume.shape) < SMALLEST_AXIS:
            shape = "x".join(map(str, volume.shape))
            yield Finding(case.name, path.name, "error", f"{shape} voxels are no head", "export the whole scan")
        if modality == wanted:
            reference = volume
    if case.label is not None:
        yield from _label(case, case.label, reference, dataset)


def _unreadable(case: Case, path: Path, error: Exception) -> Finding:
    text = str(error).removeprefix(f"{path}: ")
    problem, _, advice = text.partition("; ")
    return Finding(case.name, path.name, "error", problem, advice or "make it readable")


def _label(case: Case, path: Path, reference: Volume | None, dataset: Dataset) -> Iterator[Finding]:
    try:
        label = Volume.load(path)
    except (UserError, PermissionError) as error:
        yield _unreadable(case, path, error)
        return
    if reference is not None and not label.same_grid(reference):
        shapes = " and ".join("x".join(map(str, v.shape)) for v in (label, reference))
        yield Finding(
            case.name,
            path.name,
            "error",
            f"it is not on the grid of {dataset.reference} (shapes {shapes})",
            "resample the label map to that image",
        )
    unknown = sorted(set(np.unique(label.data).tolist()) - set(dataset.labels.values()))
    if unknown:
        values = ", ".join(f"{value:g}" for value in unknown[:5])
        known = ", ".join(f"{name} {value}" for name, value in dataset.labels.items())
        yield Finding(
            case.name, path.name, "error", f"it holds {values}, labels are {known}", "name them in dataset.json"
        )


def _outliers(dataset: Dataset, spacings: dict[str, dict[str, tuple[float, float, float]]]) -> Iterator[Finding]:
    for modality, by_case in spacings.items():
        ordered = {case: np.sort(spacing) for case, spacing in by_case.items()}
        median = np.median(list(ordered.values()), axis=0)
        for case, spacing in ordered.items():
            if (spacing > SPACING_FACTOR * median).any():
                text = " x ".join(f"{s:.2f}" for s in by_case[case])
                usual = " x ".join(f"{s:.2f}" for s in median)
                name = dataset.all_cases[case].images[modality].name
                yield Finding(
                    case,
                    name,
                    "warning",
                    f"voxels of {text} mm, usual are {usual}",
                    "look at it; leave it out if thick",
                )
