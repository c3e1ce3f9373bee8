"""Answers of several methods to one case, compared with the truth: by slice, by structure, and as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import METHOD
from hifisyn.evaluation import regions
from hifisyn.evaluation.case_measures import CASE_MEASURES, Labelled, TrueCase
from hifisyn.evaluation.measures import counted, score
from hifisyn.metrics.image import ssim_map
from hifisyn.slices import SliceStore


@dataclass(frozen=True)
class Scores:
    """The rows of some answers.

    Attributes:
        slices: one row a method and slice.
        regions: one row a method and structure.
        cases: one row a method: `CASE_MEASURES`.
    """

    slices: pd.DataFrame
    regions: pd.DataFrame
    cases: pd.DataFrame

    @classmethod
    def together(cls, parts: "list[Scores]") -> "Scores":
        """Return the rows of all, one below the other."""
        slices = [part.slices for part in parts if not part.slices.empty]
        inside = [part.regions for part in parts if not part.regions.empty]
        cases = [part.cases for part in parts if not part.cases.empty]
        return cls(
            pd.concat(slices, ignore_index=True) if slices else pd.DataFrame(),
            pd.concat(inside, ignore_index=True) if inside else regions.empty(),
            pd.concat(cases, ignore_index=True) if cases else pd.DataFrame(columns=[METHOD, *CASE_MEASURES]),
        )

    def assign(self, **columns: Any) -> "Scores":
        """Return the same with columns in all three."""
        return Scores(*(table.assign(**columns) for table in (self.slices, self.regions, self.cases)))


def score_answers(
    answers: dict[str, np.ndarray],
    store: SliceStore,
    case: str,
    target: str,
    min_pixels: float,
    structures: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, np.ndarray],
) -> Scores:
    """Compare the answers to one case with the truth.

    Args:
        answers: (S, H, W) in [-1, 1] by method, -1 outside the brain.
        store: that the case is in.
        case: its name.
        target: contrast of the answers.
        min_pixels: slices with less brain are left out.
        structures: name to values of the label map, see `hifisyn.evaluation.regions.of_labels`; without label map
            there are no rows of them.
        expected: (S, H, W), the absolute error that a method expects, by method; those that tell none are not there.
    """
    truth, brain, record = store.image(case, target), store.brain(case), store.record(case)
    chosen = counted(brain, min_pixels)
    label = store.label(case)[chosen] if structures and record["labelled"] else None
    labelled = None if label is None or "slice_grid" not in record else _labelled(label, structures, record)
    whole = TrueCase(truth[chosen], brain[chosen], _places(record)[chosen], target, labelled)
    by_slice, by_region, by_case = [], [], []
    for method, answer in answers.items():
        similarity = ssim_map(answer, truth)
        rows = score(answer, truth, brain, min_pixels=min_pixels, similarity=similarity)
        by_slice.append(rows.assign(**{METHOD: method}))
        if label is not None:
            inside = regions.score(answer[chosen], truth[chosen], label, structures, similarity[chosen])
            by_region.append(inside.assign(**{METHOD: method}))
        told = expected[method][chosen] if method in expected else None
        by_case.append({METHOD: method} | (whole.score(answer[chosen], told) if chosen.size else {}))
    inside = pd.concat(by_region or [regions.empty()], ignore_index=True)
    return Scores(pd.concat(by_slice, ignore_index=True), inside, pd.DataFrame(by_case))


def _places(record: Mapping[str, Any]) -> np.ndarray:
    """Return where the slices that are compared lie in the head, in slices."""
    stored = np.asarray(record.get("stored_indices") or range(max(record["training"], default=-1) + 1))
    return np.asarray(stored[record["training"]])


def _labelled(
    label: np.ndarray, structures: Mapping[str, tuple[int, ...]], record: Mapping[str, Any]
) -> Labelled | None:
    sides = np.linalg.norm(np.asarray(record["slice_grid"]["affine"], dtype=np.float64)[:3, :3], axis=0)
    return Labelled.of(label, structures, float(sides[0]), float(sides[2]))
