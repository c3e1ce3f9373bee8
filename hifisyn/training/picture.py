"""progress.png: losses, validation, diagnostics and learning rates over the epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hifisyn.pictures import new_figure, save_figure
from hifisyn.training.numbers import LOWEST_OF, MOST_LISTED, by_direction, mean_over_directions, parse_column

Row = dict[str, int | float]
LOSS, RATE, DIAGNOSTIC = "loss/", "lr/", "diagnostic/"


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Draw a panel for each kind of number; of many directions the means, and one measure of each."""
    directions = by_direction({key: value for row in rows for key, value in row.items()})
    many = len(directions) > MOST_LISTED
    shown = [_with_means(row) for row in rows] if many else list(rows)
    keys = list(dict.fromkeys(key for row in shown for key in row))
    measured = [key for key in keys if parse_column(key) or key.startswith("mean/")]
    means = [key for key in measured if key.startswith("mean/") or not many]
    panels = {
        "loss": [key for key in keys if key.startswith(LOSS)],
        "PSNR (dB)": [key for key in means if "/psnr" in key],
        "validation": [key for key in means if "/psnr" not in key],
        LOWEST_OF: [key for key in measured if many and key not in means and key.endswith(f"/{LOWEST_OF}")],
        "diagnostic": [key for key in keys if key.startswith(DIAGNOSTIC)],
        "learning rate": [key for key in keys if key.startswith(RATE)],
    }
    panels = {title: chosen for title, chosen in panels.items() if chosen}
    figure = new_figure(9.5, 2.6 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, chosen) in zip(axes, panels.items(), strict=True):
        _curves(axis, title, chosen, shown)
    axes[-1].set_xlabel("epoch")
    figure.subplots_adjust(left=0.09, right=0.72, top=1 - 0.1 / len(panels), bottom=0.2 / len(panels), hspace=0.12)
    save_figure(figure, path)


def _with_means(row: Row) -> Row:
    return row | {f"mean/{measure}": value for measure, value in mean_over_directions(row).items()}


def _curves(axis: Any, title: str, keys: list[str], rows: Sequence[Row]) -> None:
    for number, key in enumerate(keys):
        points = [(row["epoch"], row[key]) for row in rows if key in row]
        label = key.removeprefix(LOSS).removeprefix(RATE).removeprefix(DIAGNOSTIC)
        style = ("-", "--", ":")[number // 10 % 3]
        axis.plot(*zip(*points, strict=True), style, linewidth=1.2, label=label, marker="." if len(rows) < 3 else "")
    if title == "loss" and all(row[key] > 0 for row in rows for key in keys if key in row):
        axis.set_yscale("log")
    axis.set_ylabel(title)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), fontsize=6.5, frameon=False)
