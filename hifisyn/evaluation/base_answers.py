"""What the base model answers to the slices of a case: not told how the target looks in this cohort, and told.

What it is told are means of tissues over training cases of the fold. No pair is needed for them, as for all that
trains here, and no case that is compared enters.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from hifisyn.base.condition import tissue_means
from hifisyn.base.contrasts import CONTEXT, NAMED, TARGETS, TISSUES
from hifisyn.base.shipped import NAME
from hifisyn.base.translate import BaseModel
from hifisyn.directions import Direction
from hifisyn.evaluation import untrained
from hifisyn.inference.prediction import Translated
from hifisyn.slices import SliceStore

NOT_TOLD, TOLD = NAME, f"{NAME}, {untrained.TOLD}"
CHUNK = 16  # slices at a time: every slot of every slice is held

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


def answers(
    model: BaseModel, store: SliceStore, case: str, direction: Direction, pixel_mm: float, look: Means | None
) -> dict[str, Translated]:
    """Return what the base model makes of the training slices of a case, by the name of the row.

    Args:
        model: the base model.
        store: slices of all cases.
        case: its name.
        direction: one that the model `takes`.
        pixel_mm: side of a pixel in mm.
        look: means of tissues of the target; none: there is no told row.

    Returns:
        Slices (S, H, W) float32 in [-1, 1] and the absolute error that it expects of them.
    """
    seen = store.neighbours(case, direction.source, None, CONTEXT)
    rows = {NOT_TOLD: None} | ({TOLD: {direction.target: look}} if look else {})
    made = {
        row: [
            model.translate({direction.source: seen[first : first + CHUNK]}, pixel_mm, told)[direction.target]
            for first in range(0, len(seen), CHUNK)
        ]
        for row, told in rows.items()
    }
    return {row: Translated(*map(np.concatenate, zip(*parts, strict=True))) for row, parts in made.items()}


def _mean_of_known(rows: Sequence[Sequence[float | None]]) -> Means:
    """Return the mean of each tissue over the rows that have it."""
    columns = [[row[place] for row in rows] for place in range(len(TISSUES))]
    known = [[mean for mean in column if mean is not None] for column in columns]
    return tuple(float(np.mean(column)) if column else None for column in known)
