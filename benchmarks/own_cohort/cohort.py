"""Prepared slices as the stores that trainings read: of each subject one contrast, by turns, or all of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.base_model.cases import Case, read_groups
from hifisyn.slices import SliceStore

LABELS = {"background": 0, "CSF": 1, "GM": 2, "WM": 3, "lesion": 4}
GLIOMAS, MS = "lgg", "ms_raw"
FOLDS = 5
HELD_OUT, CURVE = 6, (2, 3, 5, 10, 22)


def read_group(folders: Sequence[Path], group: str) -> list[Case]:
    """Return the cases of a group in all folders, in the order of their names."""
    found = [case for folder in folders for case in read_groups(folder).get(group, [])]
    return sorted(found, key=lambda case: case.name)


def fold_of(cases: Sequence[Case], number: int, folds: int = FOLDS) -> tuple[list[Case], list[Case]]:
    """Return those to train on and those to measure on: every fifth, so that sites spread over folds."""
    held_out = list(cases[number::folds])
    return [case for case in cases if case not in held_out], held_out


def patient_out(cases: Sequence[Case], patient: str) -> tuple[list[Case], list[Case]]:
    """Return the visits of the others, and those of a patient."""
    return [c for c in cases if c.patient != patient], [c for c in cases if c.patient == patient]


def drawn(cases: Sequence[Case], count: int) -> tuple[list[Case], list[Case]]:
    """Return as many to train on, of a fixed shuffle, and the six that none of any number is of."""
    order = np.random.default_rng(0).permutation(len(cases)).tolist()
    return [cases[i] for i in order[HELD_OUT : HELD_OUT + count]], [cases[i] for i in order[:HELD_OUT]]


def store_of(folder: Path, cases: Sequence[Case], contrasts: Sequence[str], *, paired: bool) -> SliceStore:
    """Write what is not there yet; unpaired, the subjects have one of the contrasts each, by turns."""
    store = SliceStore(folder)
    patients = list(dict.fromkeys(case.patient for case in cases))
    there = set(store.cases())
    for case in (case for case in cases if case.name not in there):
        own = contrasts if paired else (contrasts[patients.index(case.patient) % len(contrasts)],)
        images = {contrast: case.images[contrast] for contrast in own}
        record = {"subject": case.patient}
        store.write(case.name, images, case.brain, case.labels, record, training=np.flatnonzero(case.middle).tolist())
    return store
