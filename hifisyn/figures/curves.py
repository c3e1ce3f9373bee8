"""The training of several models over each other: validation in every direction, and the losses small below."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.figures import style
from hifisyn.tables.read_frame import read_frame

EPOCH, LOSS = "epoch", "loss/"
MEASURES = {
    "psnr_brain": "PSNR in the brain (dB)",
    "ssim_brain": "SSIM in the brain",
    "correlation": "correlation in the brain",
    "distance": "distance of intensities",
}
LOSSES, LOSSES_ACROSS = 10, 5
DIRECTIONS_ACROSS, FEW_DIRECTIONS = 4, 2
LEFT_INCHES, GAP_INCHES, LOSS_GAP_INCHES, RIGHT_INCHES = 0.5, 0.45, 0.56, 0.1
VALIDATION_INCHES, LOSS_INCHES, LEGEND_LINE_INCHES = 1.45, 0.85, 0.16
LEGEND_LETTERS = 105


def read_curves(file: Path) -> pd.DataFrame:
    """Read metrics.csv: one row an epoch; empty fields are NaN.

    Raises:
        UserError: the file is missing, is no such table, or holds no epoch.
    """
    table = read_frame(file)
    if EPOCH not in table or table.empty:
        raise UserError("must hold one row per epoch", got="none", hint="train with hifisyn_train").at(file)
    return table


def validation_panels(curves: Mapping[str, pd.DataFrame]) -> list[list[str]]:
    """Return the columns to draw, a row a measure that some model has, a column a direction.

    Where there are more directions than fit across, a measure takes several rows.
    """
    columns = list(dict.fromkeys(name for table in curves.values() for name in table))
    keys = sorted({name.split("/")[0] for name in columns if _is_validation(name)})
    across = math.ceil(len(keys) / max(1, math.ceil(len(keys) / DIRECTIONS_ACROSS)))
    lines = [keys[i : i + across] for i in range(0, len(keys), across or 1)]
    rows = [[f"{key}/{measure}" for key in line] for measure in MEASURES for line in lines]
    return [row for row in rows if set(row) & set(columns)]


def _is_validation(column: str) -> bool:
    """Return whether a column is a number of a direction, as in T1_to_T2/psnr_brain, and no loss or diagnostic."""
    key, _, measure = column.partition("/")
    try:
        return bool(measure and Direction.parse(key))
    except ValueError:
        return False


def choose_losses(curves: Mapping[str, pd.DataFrame], most: int = LOSSES) -> tuple[list[str], int]:
    """Return the losses to draw, those of most models first, and how many are left out."""
    counts = Counter(name for table in curves.values() for name in table if name.startswith(LOSS))
    ranked = sorted(counts, key=lambda name: -counts[name])
    return ranked[:most], len(ranked) - len(ranked[:most])


def draw_curves(path: Path, curves: Mapping[str, pd.DataFrame]) -> int:
    """Draw the curves of models over each other, one line a model, one legend; return how many losses are left out.

    A model that lacks a column lacks a line.

    Args:
        path: the PNG file; replaced if it exists.
        curves: label of a model to what `read_curves` returned.
    """
    panels = validation_panels(curves)
    across = max(map(len, panels), default=0)
    crowded = across > FEW_DIRECTIONS
    high, gap = (LOSS_INCHES, LOSS_GAP_INCHES) if crowded else (VALIDATION_INCHES, GAP_INCHES)
    losses, left_out = choose_losses(curves)
    small = [losses[i : i + LOSSES_ACROSS] for i in range(0, len(losses), LOSSES_ACROSS)]
    columns, lines = _legend_shape(list(curves))
    legend = 0.1 + LEGEND_LINE_INCHES * lines
    validation = len(panels) * (high + gap)
    figure = style.page(legend + 0.25 + validation + len(small) * (LOSS_INCHES + LOSS_GAP_INCHES) + 0.1)
    _legend(figure, list(curves), columns)
    top = legend + 0.25
    for row in panels:
        top += gap - GAP_INCHES
        for axis, name in zip(_row(figure, top, high, across, len(row)), row, strict=True):
            key, measure = name.split("/", 1)
            between = "\n" if crowded else " "
            _lines(axis, curves, name, f"{Direction.parse(key)}:{between}{MEASURES[measure]}")
        top += high + GAP_INCHES
    for line in small:
        top += LOSS_GAP_INCHES - GAP_INCHES
        for axis, name in zip(_row(figure, top, LOSS_INCHES, LOSSES_ACROSS, len(line)), line, strict=True):
            group, _, term = name.removeprefix(LOSS).partition("/")
            _lines(axis, curves, name, f"{group.replace('_', ' ')}:\n{term}")
        top += LOSS_INCHES + GAP_INCHES
    style.finish(figure, path)
    return left_out


def _row(figure: Any, top: float, height: float, across: int, count: int) -> list[Any]:
    """Return the first `count` panels of a line of `across`."""
    wide = (style.PAGE_INCHES - RIGHT_INCHES) / across
    places = [(i * wide + 0.8 * LEFT_INCHES, top, wide - LEFT_INCHES, height) for i in range(count)]
    return [style.axes_at(figure, *place) for place in places]


def _lines(axis: Any, curves: Mapping[str, pd.DataFrame], name: str, title: str) -> None:
    for number, table in enumerate(curves.values()):
        if name in table:
            rows = table[[EPOCH, name]].dropna()
            marker = "." if len(rows) < 3 else ""
            axis.plot(rows[EPOCH], rows[name], linewidth=1.0, marker=marker, **style.line_style(number))
    axis.grid(alpha=0.3, linewidth=0.5)
    axis.tick_params(labelsize=style.SMALL, length=2, pad=1)
    axis.locator_params(axis="both", nbins=4)
    axis.locator_params(axis="x", integer=True)
    axis.set_xlabel("epoch", fontsize=style.SMALL, labelpad=0)
    axis.set_title(title, fontsize=style.SMALL, pad=2)


def _legend_shape(names: Sequence[str]) -> tuple[int, int]:
    """Return how many columns and lines the legend has on a page."""
    columns = max(1, min(len(names), LEGEND_LETTERS // (max(len(name) for name in names) + 8)))
    return columns, math.ceil(len(names) / columns)


def _legend(figure: Any, names: Sequence[str], columns: int) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=name, **style.line_style(place)) for place, name in enumerate(names)]
    where = {"loc": "upper left", "bbox_to_anchor": (0.05, 1 - 0.05 / figure.get_figheight())}
    figure.legend(handles=handles, ncols=columns, fontsize=style.SMALL, frameon=False, borderpad=0, **where)
