"""The course of a training: a line an epoch, metrics.csv and progress.png."""

import csv
import io
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hifisyn.engine.progress import duration
from hifisyn.files import write_text
from hifisyn.paths import METRICS_CSV, PROGRESS_PNG
from hifisyn.training.numbers import describe_directions
from hifisyn.training.picture import LOSS, Row, draw
from hifisyn.training.unpaired_score import SCORE

DRAW_EVERY = 20.0

_SHORT = {
    "psnr_brain": "PSNR",
    "ssim_brain": "SSIM",
    "correlation": "r",
    "std_ratio": "std",
    "distance": "distance",
    SCORE: "unpaired score",
}


class Tally:
    """The losses of the steps of an epoch so far, left on the device until they are read.

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
        """Return the losses by name as plain floats, from which an equal tally can be built."""
        return {name: [float(v) for v in values] for name, values in self._values.items()}

    def means(self) -> dict[str, float]:
        """Return the mean of each loss over the steps that had it."""
        return {name: math.fsum(values) / len(values) for name, values in self.values().items()}


class Logbook:
    """One row an epoch.

    The rows also lie in the checkpoint, and metrics.csv is written from them, so that after a resume the file
    holds the same as without an interruption. Columns: epoch, iteration, loss/GROUP/NAME (mean of the epoch),
    lr/GROUP, T1_to_T2/MEASURE, diagnostic/NAME, seconds, gpu_gib.

    Args:
        folder: of the fold.
        epochs: of the whole run.
        rows: of the epochs before a resume.
    """

    def __init__(self, folder: Path, epochs: int, rows: Iterable[Row] = ()) -> None:
        self.folder, self.epochs = folder, epochs
        self.rows: list[Row] = [dict(row) for row in rows]
        self._drawn = -math.inf

    def add(self, row: Row) -> str:
        """Keep the row of an epoch, update the files, the picture at most every 20 s, and return the epoch's line."""
        self.rows.append(row)
        self.write(picture=time.monotonic() - self._drawn > DRAW_EVERY or int(row["epoch"]) == self.epochs)
        return line(row, self.epochs, self.seconds_left())

    def write(self, picture: bool = True) -> None:
        """Write metrics.csv and, unless `picture` is false, progress.png."""
        write_text(self.folder / METRICS_CSV, table(self.rows))
        if picture and self.rows:
            draw(self.folder / PROGRESS_PNG, self.rows)
            self._drawn = time.monotonic()

    def seconds_left(self) -> float:
        """Return the epochs to come times the mean duration of the last five."""
        recent = [float(row["seconds"]) for row in self.rows[-5:]]
        return (self.epochs - len(self.rows)) * sum(recent) / len(recent) if recent else math.nan


def line(row: Row, epochs: int, seconds_left: float) -> str:
    """Return the line of an epoch: every loss, the directions, time, memory."""
    parts = [f"epoch {int(row['epoch'])}/{epochs}", _losses(row)]
    parts += [text.replace(":", " in the brain:", 1) for text in describe_directions(row, _SHORT)]
    parts.append(f"{duration(float(row['seconds']))}, {duration(seconds_left)} left")
    if "gpu_gib" in row:
        parts.append(f"GPU {row['gpu_gib']:.1f} GiB")
    return " | ".join(part for part in parts if part)


def _losses(row: Row) -> str:
    groups: dict[str, list[str]] = {}
    for key, value in row.items():
        if key.startswith(LOSS):
            _, group, name = key.split("/", 2)
            groups.setdefault(group, []).append(f"{name} {value:.3g}")
    return " | ".join(f"{group}: {' '.join(terms)}" for group, terms in groups.items())


def table(rows: list[Row]) -> str:
    """Return the rows as CSV; the columns are those of any row, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
