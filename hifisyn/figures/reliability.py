"""Reliability curves: how far methods that tell their error are off, where they expect little of it and where much."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, SUBJECT
from hifisyn.evaluation.case_measures import RELIABILITY
from hifisyn.figures import style
from hifisyn.figures.drawn_figure import DrawnFigure, FigureGroup

FEWEST_ACROSS, MOST_ACROSS = 2, 3
LEFT_INCHES, HIGH_INCHES, GAP_INCHES, LEGEND_INCHES = 0.45, 1.6, 0.55, 0.16

Curves = dict[str, np.ndarray]


def reliability_curves(cases: pd.DataFrame, row: str) -> Curves:
    """Return error over expected error in ten bins, from the least that is expected to the most, by method.

    Args:
        cases: one row a case and method: `RELIABILITY`, case and subject. A subject counts with the mean of its cases.
        row: column that names the method.

    Returns:
        (10,) each; methods that tell no error are left out.
    """
    if not set(RELIABILITY) <= set(cases):
        return {}
    subject = SUBJECT if SUBJECT in cases else CASE
    people = cases.groupby([row, subject], sort=False)[list(RELIABILITY)].mean()
    means = people.groupby(level=row, sort=False).mean().dropna()
    return {str(name): values.to_numpy() for name, values in means.iterrows()}


def draw_reliability(path: Path, panels: Mapping[str, Curves]) -> None:
    """Draw a panel a direction and a line a method; on the line at 1 every expectation is kept.

    Args:
        path: the PNG file; replaced if it exists.
        panels: title to curves.
    """
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    across = min(max(len(panels), FEWEST_ACROSS), MOST_ACROSS)
    lines, legend = math.ceil(len(panels) / across), 0.1 + LEGEND_INCHES * math.ceil(len(names) / 2)
    figure = style.page(legend + 0.1 + lines * (HIGH_INCHES + GAP_INCHES))
    handles = [Line2D([], [], label=name, **style.line_style(place)) for place, name in enumerate(names)]
    where: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.05, 1 - 0.05 / figure.get_figheight())}
    figure.legend(handles=handles, ncols=2, fontsize=style.SMALL, frameon=False, borderpad=0, **where)
    wide = style.PAGE_INCHES / across
    for place, (title, curves) in enumerate(panels.items()):
        line, column = divmod(place, across)
        top = legend + 0.25 + line * (HIGH_INCHES + GAP_INCHES)
        axis = style.axes_at(figure, LEFT_INCHES + column * wide, top, wide - LEFT_INCHES - 0.1, HIGH_INCHES)
        axis.axhline(1, color="0.5", linewidth=0.8)
        for name, values in curves.items():
            bins = np.arange(1, len(values) + 1)
            axis.plot(bins, values, linewidth=1.0, marker=".", markersize=3, **style.line_style(names.index(name)))
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3, linewidth=0.5)
        axis.tick_params(labelsize=style.SMALL, length=2, pad=1)
        axis.set_xticks([1, 5, 10])
        axis.set_xlabel("tenth of pixels, by expected error", fontsize=style.SMALL, labelpad=0)
        axis.set_title(title, fontsize=style.SMALL, pad=2)
        if column == 0:
            axis.set_ylabel("error / expected", fontsize=style.SMALL, labelpad=1)
    style.finish(figure, path)


def reliability_figure(out: Path, groups: Mapping[str, pd.DataFrame], row: str) -> list[DrawnFigure]:
    """Draw the curves of all groups; nothing where no method tells its error.

    Args:
        out: folder of the figure.
        groups: cases that can be compared, by what they have in common.
        row: column that names the method.
    """
    panels = {name: curves for name, cases in groups.items() if (curves := reliability_curves(cases, row))}
    if not panels:
        return []
    path = out / "reliability.png"
    draw_reliability(path, panels)
    caption = (
        "Mean absolute error over the error that a method expects, in ten bins of as many pixels of the brain, from "
        "the least error expected to the most; means over subjects. At 1 (grey) every expectation is kept; above it a "
        "method trusts itself too much. Methods that tell no error have no line. The paper shows no such figure."
    )
    return [DrawnFigure(path, "Reliability of the expected error", caption, FigureGroup.CONFIDENCE)]
