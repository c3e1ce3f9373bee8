"""The slices that a comparison shows, and the one scale of their errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FIRST_LESION = 4
SCALE_PERCENTILE, SCALE_STEP = 99.0, 0.1


@dataclass(frozen=True)
class SliceRow:
    """One slice: all arrays (H, W), intensities in [-1, 1].

    Attributes:
        title: such as the case and the slice.
        source: the scan that was translated.
        synthetic: the synthetic slice of each model, by its label.
        truth: the true scan.
        brain: bool; nothing outside of it is shown.
        lesions: labels whose borders are drawn, 0 elsewhere; or none.
    """

    title: str
    source: np.ndarray
    synthetic: Mapping[str, np.ndarray]
    truth: np.ndarray
    brain: np.ndarray
    lesions: np.ndarray | None = None


def rows_of_case(
    case: str,
    source: np.ndarray,
    synthetic: Mapping[str, np.ndarray],
    truth: np.ndarray,
    brain: np.ndarray,
    label: np.ndarray | None = None,
    *,
    slices: int | Sequence[int] = 3,
) -> list[SliceRow]:
    """Return the rows of one case.

    Args:
        case: its name.
        source: (S, H, W) in [-1, 1], the scan that was translated.
        synthetic: the same shape, from each model by its label.
        truth: the same shape, the true scan.
        brain: bool mask.
        label: label map, whose lesions are outlined; or none.
        slices: which, or how many of `largest_slices`.
    """
    lesions = None if label is None else np.where(label >= FIRST_LESION, label, 0)
    chosen = largest_slices(brain, lesions, slices) if isinstance(slices, int) else slices
    return [
        SliceRow(
            f"{case}\nslice {i}",
            source[i],
            {name: stack[i] for name, stack in synthetic.items()},
            truth[i],
            brain[i],
            None if lesions is None else lesions[i],
        )
        for i in chosen
    ]


def largest_slices(brain: np.ndarray, lesions: np.ndarray | None, count: int) -> list[int]:
    """Return up to `count` slices (S, H, W) that show most lesion, or most brain where there is none, in order.

    The distance between chosen slices is at least a quarter of the number of slices with any, divided by `count`, so
    that they do not all look alike.
    """
    shown = brain if lesions is None or not (lesions > 0).any() else lesions > 0
    area = shown.reshape(len(shown), -1).sum(axis=1).astype(float)
    apart = max(1, round((area > 0).sum() / (4 * count)))
    chosen: list[int] = []
    while len(chosen) < count and area.max() > 0:
        best = int(area.argmax())
        chosen.append(best)
        area[max(0, best - apart) : best + apart + 1] = 0
    return sorted(chosen)


def error_map(synthetic: np.ndarray, truth: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Return synthetic - truth inside the brain and 0 outside, float64."""
    return np.where(brain, synthetic.astype(np.float64) - truth, 0)


def error_span(rows: Sequence[SliceRow]) -> float:
    """Return the scale that all error maps share: the 99th percentile of |error| in the brain, rounded up to 0.1.

    It is at most 2, the range of the intensities.
    """
    errors = [
        np.abs(stack.astype(np.float64) - row.truth)[row.brain] for row in rows for stack in row.synthetic.values()
    ]
    together = np.concatenate(errors) if errors else np.zeros(0)
    high = float(np.percentile(together, SCALE_PERCENTILE)) if together.size else 0.0
    return min(2.0, max(SCALE_STEP, math.ceil(high / SCALE_STEP) * SCALE_STEP))
