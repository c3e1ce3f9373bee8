"""Checks a raw data set before any work: each case on its own, then the cases against each other."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from hifisyn.dataset import Case, Dataset
from hifisyn.engine.digests import digest
from hifisyn.engine.subject import Done, Task
from hifisyn.engine.sweep import Engine, used
from hifisyn.preprocessing.check_case import CheckedCase, check_case, shown_name
from hifisyn.preprocessing.findings import Finding, Severity

STEP = "verify"
# Raised whenever the same files give other findings.
FORMAT = 3
SPACING_FACTOR = 2.0  # a voxel so much longer than the data set's median is odd


def verify(dataset: Dataset, *, processes: int | None = 0, engine: Engine | None = None) -> list[Finding]:
    """Check every file: readable, 3D, finite, labels and masks on the grid, spacing, subjects, duplicates.

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
            checked[case] = CheckedCase.from_json(entry.facts)
    findings = [*_check_labels(dataset), *_check_subjects(dataset)]
    findings += [finding for each in checked.values() for finding in each.findings]
    findings += [
        Finding(failure.case, "", Severity.ERROR, failure.reason, hint="look at its files")
        for failure in failures
        if failure.case not in checked
    ]
    return [*findings, *_find_thick(dataset, checked), *_find_duplicates(dataset, checked)]


def verify_case(key: str, case: Case, dataset: Dataset) -> Done:
    """Do the step of the engine: a case with an error has failed, and its findings are kept."""
    checked = check_case(case, dataset)
    errors = [finding for finding in checked.findings if finding.severity is Severity.ERROR]
    return Done(error=str(errors[0]) if errors else "", facts=checked.as_json())


def _tasks(dataset: Dataset) -> Iterator[Task]:
    # The settings of all cases go with each; the cases themselves would be sent to the workers over and over.
    common = replace(dataset, cases={}, test={})
    settings = (FORMAT, dataset.modalities, dataset.labels, dataset.reference, dataset.skull_stripped, dataset.private)
    configs = {done: digest(settings, done) for done in {case.done for case in dataset.all_cases.values()}}
    for case in dataset.all_cases.values():
        yield Task(case, (case, common), case.files, configs[case.done], private=dataset.private)


def _check_labels(dataset: Dataset) -> Iterator[Finding]:
    names = defaultdict(list)
    for name, value in dataset.labels.items():
        names[value].append(name)
    for value, sharing in names.items():
        if len(sharing) > 1:
            what, hint = f"the label value {value} must stand for one structure", "give each a value in dataset.json"
            yield Finding("", "", Severity.WARNING, what, " and ".join(sharing), hint)


def _check_subjects(dataset: Dataset) -> Iterator[Finding]:
    held_out = {case.subject for case in dataset.test.values()}
    for case in dataset.cases.values():
        if case.subject in held_out:
            what = f"subject {case.subject} must be either held out or trained on"
            hint = "move all cases of the subject to one side in dataset.json"
            yield Finding(case.name, "", Severity.ERROR, what, "cases on both sides", hint)
    for modality in dataset.modalities:
        if not any(modality in case.images for case in dataset.cases.values()):
            yield Finding("", "", Severity.WARNING, f"no training case has {modality}: it cannot be trained on")


def _find_thick(dataset: Dataset, checked: dict[str, CheckedCase]) -> Iterator[Finding]:
    """Find scans with voxels far longer than usual for the contrast."""
    cases = dataset.all_cases
    for modality in dataset.modalities:
        by_case = {case: each.spacings[modality] for case, each in checked.items() if modality in each.spacings}
        if not by_case:
            continue
        spacings = np.sort(np.array(list(by_case.values())), axis=1)
        median = np.median(spacings, axis=0)
        thick = (spacings > SPACING_FACTOR * median).any(axis=1)
        for (case, spacing), odd in zip(by_case.items(), thick, strict=True):
            if odd:
                file = shown_name(cases[case], modality, dataset)
                what = f"{file} must have voxels of about {_times(median)} mm, as the other {modality} scans"
                yield Finding(case, file, Severity.WARNING, what, _times(spacing), "look at it; leave it out if thick")


def _times(spacing: Iterable[float]) -> str:
    return " x ".join(f"{s:.2f}" for s in spacing)


def _find_duplicates(dataset: Dataset, checked: dict[str, CheckedCase]) -> Iterator[Finding]:
    """Find scans that are there twice; one in training and held out would make every result look better."""
    first: dict[str, tuple[str, str]] = {}
    cases = dataset.all_cases
    for case, each in checked.items():
        for modality, content in each.contents.items():
            file = shown_name(cases[case], modality, dataset)
            if content not in first:
                first[content] = (case, file)
                continue
            other, twin = first[content]
            across = (case in dataset.test) != (other in dataset.test)
            what = f"{file} holds the same voxels as {twin}" + (" of the training cases" if across else "")
            yield Finding(case, file, Severity.ERROR if across else Severity.WARNING, what, hint="remove one of them")
