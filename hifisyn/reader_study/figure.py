"""The figure of a reader study: mean ranks by model and question (Fig. 6 of the paper)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import MODEL
from hifisyn.pictures import LABEL_COLOURS, new_figure, save_figure
from hifisyn.reader_study.questions import QUESTIONS

DOT, TESTED = (tuple(part / 255 for part in LABEL_COLOURS[place]) for place in (6, 2))
SOFT, LINE = "#8a949e", "#e3e7ea"
ROW_INCHES, OTHER_INCHES, WIDTH_INCHES = 0.42, 1.9, 9.5


def draw_ranks(path: Path, means: pd.DataFrame, by_reader: pd.DataFrame, differences: Mapping[str, float]) -> None:
    """Draw one panel a question and one row a model, the best above; rank 1 is on the left.

    Args:
        path: the PNG file; replaced if it exists.
        means: `question, model, mean_rank, low, high, tested_rank`; the interval may be NaN.
        by_reader: `question, reader, model, mean_rank`: the small marks.
        differences: question to the critical difference of `tested_rank`, for the questions with a test.
    """
    models = means.groupby(MODEL)["mean_rank"].mean().sort_values(kind="stable").index.tolist()
    figure = new_figure(WIDTH_INCHES, OTHER_INCHES + ROW_INCHES * len(models), layout="constrained")
    axes = figure.subplots(1, len(QUESTIONS), sharey=True, squeeze=False)[0]
    marks: list[Any] = []
    for axis, question in zip(axes, QUESTIONS, strict=True):
        rows = means[means["question"] == question.key].set_index(MODEL).reindex(models)
        marks = _marks(axis, rows, by_reader[by_reader["question"] == question.key])
        _bar(axis, differences.get(question.key, float("nan")), len(models))
        _axis(axis, question.title, len(models))
    axes[0].set_yticks(range(len(models)), models)
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize=8, frameon=False)
    save_figure(figure, path)


def _marks(axis: Any, rows: pd.DataFrame, by_reader: pd.DataFrame) -> list[Any]:
    """Draw the ranks of one question; return what the legend names."""
    places = np.arange(len(rows))
    place_of = dict(zip(rows.index, places, strict=True))
    axis.hlines(places, rows["low"], rows["high"], color=DOT, linewidth=2)
    (mean,) = axis.plot(rows["mean_rank"], places, "o", color=DOT, ms=7, label="mean rank, 95 % interval over cases")
    (own,) = axis.plot(
        by_reader["mean_rank"], by_reader[MODEL].map(place_of) + 0.24, "|", color=SOFT, ms=7, label="each reader"
    )
    (tested,) = axis.plot(
        rows["tested_rank"],
        places - 0.24,
        "D",
        mfc="none",
        color=TESTED,
        ms=5,
        label="rank of the case averages (test)",
    )
    return [mean, own, tested]


def _bar(axis: Any, difference: float, models: int) -> None:
    """Draw the critical difference above the models, beginning at rank 1; one that no ranks reach in words only."""
    if not np.isfinite(difference):
        return
    words = f"critical difference {difference:.2f} (Nemenyi)"
    if difference > models - 1:
        words += ", more than ranks can differ"
    else:
        axis.plot([1, 1 + difference], [-0.75, -0.75], "|-", color=TESTED, linewidth=1.5, ms=8)
    axis.text(1, -0.9, words, color=TESTED, fontsize=8, va="bottom")


def _axis(axis: Any, title: str, models: int) -> None:
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_xlabel("rank (1 = best)", fontsize=9)
    axis.set_xlim(0.8, models + 0.2)
    axis.set_xticks(range(1, models + 1))
    axis.set_ylim(models - 0.4, -1.4)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", color=LINE, linewidth=0.7)
    axis.set_axisbelow(True)
