"""The picture of an experiment: a dot a subject, a line at the mean, one row of dots a row of the table."""

from pathlib import Path

import numpy as np
import pandas as pd

from hifisyn.columns import DIRECTION
from hifisyn.evaluation.measures import TITLES
from hifisyn.experiments.tables import ROW, SHOWN
from hifisyn.metrics.image import finite_mean
from hifisyn.pictures import new_figure, save_figure
from hifisyn.statistics.units import by_subject

DOT, MEAN, LINE = "#0072b2", "#d55e00", "0.6"
WIDTH, ROW_HEIGHT, MARGIN = 2.3, 0.3, 0.8


def draw(path: Path, cases: pd.DataFrame, title: str, reference: str) -> None:
    """Draw a panel a direction and measure; a subject counts with its mean over seeds; infinite values are left out.

    Args:
        path: the PNG file.
        cases: as for `hifisyn.experiments.tables.against`.
        title: one line above.
        reference: row whose mean is drawn through all rows.
    """
    rows, directions = list(dict.fromkeys(cases[ROW])), list(dict.fromkeys(cases[DIRECTION]))
    height = len(directions) * (ROW_HEIGHT * len(rows) + MARGIN) + 0.4
    figure = new_figure(WIDTH * len(SHOWN) + 1, height, layout="constrained")
    panels = figure.subplots(len(directions), len(SHOWN), squeeze=False, sharey=True)
    for direction, line in zip(directions, panels, strict=True):
        part = cases[cases[DIRECTION] == direction]
        line[0].set_ylabel(direction)
        for measure, panel in zip(SHOWN, line, strict=True):
            values = by_subject(part, measure, method=ROW)
            for place, row in enumerate(rows):
                own = values[row].to_numpy()
                own, mean = own[np.isfinite(own)], finite_mean(own)
                panel.plot(own, np.full(len(own), place), "o", ms=4, alpha=0.5, color=DOT, mec="none")
                panel.plot([mean], [place], "|", ms=13, mew=2, color=MEAN)
                if row == reference:
                    panel.axvline(mean, color=LINE, lw=0.8, ls="--", zorder=0)
            panel.set_title(TITLES[measure], fontsize=9)
            panel.tick_params(labelsize=8)
            panel.locator_params(axis="x", nbins=4)
            panel.grid(axis="x", alpha=0.25)
        line[0].set_yticks(range(len(rows)), rows)
        line[0].set_ylim(len(rows) - 0.5, -0.5)
    dashed = f", dashed the mean of {reference}" * (reference in rows)
    figure.suptitle(f"{title}: each dot a subject, the bar their mean{dashed}", fontsize=9)
    save_figure(figure, path)
