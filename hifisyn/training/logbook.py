"""The course of a training: a line an epoch, metrics.csv and progress.png."""

import csv
import io
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hifisyn.files import write_text
from hifisyn.paths import METRICS_CSV, PROGRESS_PNG
from hifisyn.pictures import new_figure, save_figure
from hifisyn.training.numbers import told

Row = dict[str, int | float]
LOSS, RATE, DIAGNOSTIC = "loss/", "lr/", "diagnostic/"
DRAW_EVERY = 20.0

_SHORT = {"psnr_brain": "PSNR", "ssim_brain": "SSIM", "correlation": "r", "std_ratio": "std", "distance": "distance"}


class Tally:
    """The losses of the steps of an epoch so far, left on the device until they are asked for.

    >>> tally = Tally({"generator/cycle": [1.0]})
    >>> tally.add({"generator/cycle": 2.0})
    >>> tally.means()
    {'generator/cycle': 1.5}
    """

    def __init__(self, values: Mapping[str, Sequence[float]] | None = None) -> None:
        self._values: dict[str, list[Any]] = {name: list(v) for name, v in (values or {}).items()}

    def add(self, losses: Mapping[str, Any]) -> None:
        """Keep the losses of a step: floats or 0-dimensional tensors."""
        for name, loss in losses.items():
            self._values.setdefault(name, []).append(loss)

    def values(self) -> dict[str, list[float]]:
        """Return the losses by name as plain floats, from which an equal tally can be made."""
        return {name: [float(v) for v in values] for name, values in self._values.items()}

    def means(self) -> dict[str, float]:
        """Return the mean of each loss over the steps that had it."""
        return {name: math.fsum(values) / len(values) for name, values in self.values().items()}


class Logbook:
    """One row an epoch.

    The rows also lie in the checkpoint, and metrics.csv is written anew from them, so that after a resume the file
    holds the same as without an interruption. Columns: epoch, iteration, loss/GROUP/NAME (mean of the epoch),
    lr/GROUP, T1_to_T2/MEASURE, diagnostic/NAME, seconds, gpu_gib.

    Args:
        folder: of the fold.
        epochs: of the whole run.
        log: takes the lines.
        rows: of the epochs before a resume.
    """

    def __init__(self, folder: Path, epochs: int, log: Callable[[str], None], rows: Iterable[Row] = ()) -> None:
        self.folder, self.epochs, self.log = folder, epochs, log
        self.rows: list[Row] = [dict(row) for row in rows]
        self._drawn = -math.inf

    def add(self, row: Row) -> None:
        """Keep the row of an epoch, print it and bring the files up to date; the picture at most every 20 s."""
        self.rows.append(row)
        self.log(line(row, self.epochs, self.seconds_left()))
        self.write(picture=time.monotonic() - self._drawn > DRAW_EVERY or int(row["epoch"]) == self.epochs)

    def write(self, picture: bool = True) -> None:
        """Write metrics.csv and, if wanted, progress.png."""
        write_text(self.folder / METRICS_CSV, table(self.rows))
        if picture and self.rows:
            draw(self.folder / PROGRESS_PNG, self.rows)
            self._drawn = time.monotonic()

    def seconds_left(self) -> float:
        """Return the epochs to come times the mean duration of the last five."""
        recent = [float(row["seconds"]) for row in self.rows[-5:]]
        return (self.epochs - len(self.rows)) * sum(recent) / len(recent) if recent else math.nan


def line(row: Row, epochs: int, seconds_left: float) -> str:
    """Return what is printed of an epoch: every loss, the directions, time, memory."""
    parts = [f"epoch {int(row['epoch'])}/{epochs}", _losses(row)]
    parts += [text.replace(":", " in the brain:", 1) for text in told(row, _SHORT)]
    parts.append(f"{duration(float(row['seconds']))}, {duration(seconds_left)} left")
    if "gpu_gib" in row:
        parts.append(f"GPU {row['gpu_gib']:.1f} GiB")
    return " | ".join(part for part in parts if part)


def _is_validation(key: str) -> bool:
    """Tell whether a column is a measure of a direction, such as T1_to_T2/psnr."""
    return "_to_" in key.split("/")[0]


def _losses(row: Row) -> str:
    groups: dict[str, list[str]] = {}
    for key, value in row.items():
        if key.startswith(LOSS):
            _, group, name = key.split("/", 2)
            groups.setdefault(group, []).append(f"{name} {value:.3g}")
    return " | ".join(f"{group}: {' '.join(terms)}" for group, terms in groups.items())


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(4), duration(75), duration(4000), duration(400000)
    ('4 s', '1 min 15 s', '1 h 6 min', '4 d 15 h')
    """
    if not math.isfinite(seconds):
        return "unknown"
    whole = round(seconds)
    for unit, size, below, name in ((86400, 3600, "h", "d"), (3600, 60, "min", "h"), (60, 1, "s", "min")):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // size} {below}"
    return f"{whole} s"


def table(rows: list[Row]) -> str:
    """Return the rows as CSV; the columns are those of any row, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def draw(path: Path, rows: list[Row]) -> None:
    """Draw losses, validation, diagnostics and learning rates over the epochs."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    validation = [key for key in keys if _is_validation(key)]
    panels = {
        "loss": [key for key in keys if key.startswith(LOSS)],
        "PSNR (dB)": [key for key in validation if "/psnr" in key],
        "validation": [key for key in validation if "/psnr" not in key],
        "diagnostic": [key for key in keys if key.startswith(DIAGNOSTIC)],
        "learning rate": [key for key in keys if key.startswith(RATE)],
    }
    panels = {title: chosen for title, chosen in panels.items() if chosen}
    figure = new_figure(9.5, 2.6 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (title, chosen) in zip(axes, panels.items(), strict=True):
        _curves(axis, title, chosen, rows)
    axes[-1].set_xlabel("epoch")
    figure.subplots_adjust(left=0.09, right=0.72, top=1 - 0.1 / len(panels), bottom=0.2 / len(panels), hspace=0.12)
    save_figure(figure, path)


def _curves(axis: Any, title: str, keys: list[str], rows: list[Row]) -> None:
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
