"""How a contrast looks in a cohort: means of its tissues over training subjects. No pair is needed for them."""

from collections.abc import Mapping, Sequence

import numpy as np

from hifisyn.base.condition import tissue_means
from hifisyn.base.contrasts import NAMED, TARGETS, TISSUES
from hifisyn.directions import Direction
from hifisyn.slices import SliceStore

Means = tuple[float | None, ...]


def takes(direction: Direction) -> bool:
    """Return whether the base model knows the contrast of the source by name and makes the target.

    >>> takes(Direction("PD", "T2")), takes(Direction("T2", "PD"))
    (True, False)
    """
    return direction.source in NAMED and direction.target in TARGETS


def cohort_look(
    store: SliceStore, training: Sequence[str], target: str, labels: Mapping[str, int], subjects: Mapping[str, str]
) -> Means | None:
    """Return the mean of CSF, grey matter, white matter and lesion of a target over training subjects.

    Args:
        store: slices of all cases.
        training: cases to look at; those without label map or without a trusted target do not count.
        target: the contrast.
        labels: structure to value in the label maps; all that is no tissue is a lesion.
        subjects: case to subject; a case that is not there is its own subject.

    Returns:
        The means in [-1, 1], None for a tissue that no subject has; None where nothing is known.
    """
    found: dict[str, list[list[float | None]]] = {}
    for case in training:
        if store.record(case)["labelled"] and target in store.paired(case):
            means = tissue_means(store.image(case, target), as_tissues(store.label(case), labels))
            found.setdefault(subjects.get(case, case), []).append(means)
    by_subject = [_mean_of_known(means) for means in found.values()]
    look = _mean_of_known(by_subject)
    return None if all(mean is None for mean in look) else look


def as_tissues(label: np.ndarray, labels: Mapping[str, int]) -> np.ndarray:
    """Return a label map with the values of the base model: 1 to 4 in the order of `TISSUES`, else 0.

    >>> as_tissues(np.array([0, 2, 3, 7]), {"background": 0, "GM": 3, "WM": 2, "oedema": 7})
    array([0, 3, 2, 4], dtype=uint8)
    """
    values = np.zeros(np.iinfo(np.uint8).max + 1, dtype=np.uint8)
    for name, value in labels.items():
        if value:
            values[value] = 1 + TISSUES.index(name if name in TISSUES else "lesion")
    return np.asarray(values[label])


def _mean_of_known(rows: Sequence[Sequence[float | None]]) -> Means:
    """Return the mean of each tissue over the rows that have it."""
    columns = [[row[place] for row in rows] for place in range(len(TISSUES))]
    known = [[mean for mean in column if mean is not None] for column in columns]
    return tuple(float(np.mean(column)) if column else None for column in known)
