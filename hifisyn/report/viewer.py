"""The viewer: its cases, the scale of its errors, the numbers beside it, and the pictures as data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, DIRECTION, MODEL
from hifisyn.evaluation.measures import MEASURES, TITLES
from hifisyn.report.collect import Facts
from hifisyn.report.results import models_first
from hifisyn.report.section import Missing
from hifisyn.report.viewer_cases import ViewerCase
from hifisyn.report.words import counted

# Dark to light with even steps of lightness, black where nothing differs (after "inferno" of matplotlib, seven of it).
ERROR_STOPS = ("#000004", "#320a5e", "#781c6d", "#bc3754", "#ed6925", "#fbb61a", "#fcffa4")


@dataclass(frozen=True)
class NumbersRow:
    """Numbers of one method on one case in one direction, as they are shown; `anchor` is that of the case."""

    anchor: str
    method: str
    case: str
    direction: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Viewer:
    """What the viewer shows.

    Attributes:
        subjects: how many, with the noun.
        slices: the most of any case, with the noun.
        reference: model by which the cases were chosen.
        cases: by the anchor of their data, which the script reads; worst first.
        measures: titles of the columns of numbers.
        rows: numbers of all cases; the script leaves those of the chosen one.
        largest: error at the light end of the scale.
        error_stops: colours of the scale, evenly spaced.
    """

    subjects: str
    slices: str
    reference: str | None
    cases: dict[str, ViewerCase]
    measures: tuple[str, ...]
    rows: tuple[NumbersRow, ...]
    largest: float
    error_stops: tuple[str, ...] = ERROR_STOPS

    @property
    def settings(self) -> dict[str, Any]:
        """What the script needs beside the cases: the largest error and 256 colours as RRGGBB in one string."""
        return {"largest": self.largest, "colours": colours().tobytes().hex()}


def viewer(facts: Facts, shown: Sequence[ViewerCase]) -> Viewer | Missing:
    """Return the viewer of some cases."""
    if not shown:
        named = facts.trainings and not facts.data.private
        command = "hifisyn_evaluate --model " + (str(facts.trainings[0].model.folder) if named else "MODEL_FOLDER")
        return Missing("No synthetic slices are stored", command)
    table = models_first(facts, facts.evaluated)
    measures = [measure for measure in MEASURES if measure in table]
    anchors = {entry.case: f"case-{i}" for i, entry in enumerate(shown)}
    return Viewer(
        counted(len(shown), "subject"),
        counted(max(len(entry.places) for entry in shown), "slice"),
        facts.reference,
        {anchors[entry.case]: entry for entry in shown},
        tuple(TITLES.get(measure, measure) for measure in measures),
        tuple(_rows(table, anchors, measures)),
        largest_error(shown),
    )


def largest_error(shown: Sequence[ViewerCase]) -> float:
    """Return the error at the light end of the scale: what few pixels exceed, rounded up to a tenth, 2 at most."""
    return float(np.clip(np.ceil(10 * max(entry.largest for entry in shown)) / 10, 0.1, 2.0))


def colours() -> np.ndarray:
    """Return the (256, 3) uint8 colours of errors from 0 to the largest."""
    stops = np.array([list(bytes.fromhex(stop[1:])) for stop in ERROR_STOPS])
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(np.linspace(0, 1, 256), places, stops[:, i]).round() for i in range(3)]
    return np.stack(channels, 1).astype(np.uint8)


def _rows(table: pd.DataFrame, anchors: dict[str, str], measures: Sequence[str]) -> Iterator[NumbersRow]:
    for row in table.to_dict("records"):
        case = str(row[CASE])
        if case in anchors:
            values = tuple(_number(measure, row[measure]) for measure in measures)
            yield NumbersRow(anchors[case], str(row[MODEL]), case, str(row[DIRECTION]), values)


def _number(measure: str, value: float) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.2f}" if "psnr" in measure else f"{value:.3f}"
