"""Answers of several methods to one case, compared with the truth slice by slice and structure by structure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hifisyn.columns import METHOD
from hifisyn.evaluation import regions
from hifisyn.evaluation.measures import counted, score
from hifisyn.metrics.image import ssim_map
from hifisyn.slices import SliceStore


def score_answers(
    answers: dict[str, np.ndarray],
    truth: np.ndarray,
    store: SliceStore,
    case: str,
    min_pixels: float,
    structures: Mapping[str, tuple[int, ...]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the answers to one case with the truth.

    Args:
        answers: (S, H, W) in [-1, 1] by method, -1 outside the brain.
        truth: (S, H, W) in [-1, 1].
        store: that the case is in.
        case: its name.
        min_pixels: slices with less brain are left out.
        structures: name to values of the label map, see `hifisyn.evaluation.regions.of_labels`.

    Returns:
        One row a method and slice; one row a method and structure, none without label map.
    """
    brain = store.brain(case)
    chosen = counted(brain, min_pixels)
    label = store.label(case)[chosen] if structures and store.record(case)["labelled"] else None
    by_slice, by_region = [], []
    for method, answer in answers.items():
        similarity = ssim_map(answer, truth)
        rows = score(answer, truth, brain, min_pixels=min_pixels, similarity=similarity)
        by_slice.append(rows.assign(**{METHOD: method}))
        if label is not None:
            inside = regions.score(answer[chosen], truth[chosen], label, structures, similarity[chosen])
            by_region.append(inside.assign(**{METHOD: method}))
    return pd.concat(by_slice, ignore_index=True), pd.concat(by_region or [regions.empty()], ignore_index=True)
