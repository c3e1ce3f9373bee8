"""A piece of downstream work: known beforehand, done once, told apart from work on other weights or settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files
from hifisyn.evaluation.output_files import SUMMARY_JSON
from hifisyn.files import read_json

TASKS = ("tissue", "lesion", "augment")
SUBJECTS_CSV = "subjects.csv"
COMPARISON, CASE, SUBJECT = "comparison", "case", "subject"
REAL = "real"
LEAST_DICE = 0.05


@dataclass(frozen=True)
class DownstreamResult:
    """What came of a piece of work.

    Attributes:
        cases: one row a comparison and case: `COMPARISON`, `CASE`, `SUBJECT`, then measures, shares from 0 to 1.
        failures: the cases that could not be done.
        settings: what tables and figures say of it, such as the tool.
    """

    cases: pd.DataFrame
    failures: Sequence[Failure] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DownstreamJob:
    """One task of one model and direction, or the reason why it cannot be done.

    Attributes:
        task: "tissue", "lesion" or "augment".
        title: for people.
        model: what the model is called in tables.
        folder: where its results go.
        asked: plain data that changes when the result would.
        seconds: about how long it takes.
        do: does it; none where `missing` says what lacks.
        missing: why it cannot be done.
    """

    task: str
    title: str
    model: str
    folder: Path
    asked: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    do: Callable[[], DownstreamResult] | None = None
    missing: str = ""

    @property
    def done(self) -> bool:
        """Whether the very same was done before; cases that failed then would fail again."""
        path = self.folder / SUMMARY_JSON
        return path.exists() and bool(read_json(path).get("asked") == output_files.plain(dict(self.asked)))

    def read(self) -> DownstreamResult:
        """Return what came of it when it was done before."""
        content = read_json(self.folder / SUMMARY_JSON)
        failures = [Failure(case, reason) for case, reason in content["failures"].items()]
        types = {CASE: str, SUBJECT: str}  # cases may be called 001, or NA
        cases = pd.read_csv(self.folder / SUBJECTS_CSV, dtype=types, keep_default_na=False, na_values=[""])
        return DownstreamResult(cases, failures, content["settings"])

    def run(self) -> DownstreamResult:
        """Do it and write subjects.csv, and last summary.json.

        Raises:
            UserError: nothing came of any case.
        """
        assert self.do is not None, "work that cannot be done is never run"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / SUMMARY_JSON).unlink(missing_ok=True)
        result = self.do()
        if result.cases.empty:
            reason = result.failures[0].reason if result.failures else "no case"
            raise UserError(f"{self.title}: wanted a case that can be tried, found none; the first: {reason}")
        output_files.write_table(self.folder / SUBJECTS_CSV, result.cases)
        content = {
            "settings": {"task": self.task} | dict(result.settings),
            "asked": dict(self.asked),
            "mean": means(result.cases),
        }
        output_files.write_summary(self.folder / SUMMARY_JSON, content, result.failures)
        return result


def measures_of(cases: pd.DataFrame) -> list[str]:
    """Return the columns that are measures."""
    return [name for name in cases.columns if name not in (COMPARISON, CASE, SUBJECT)]


def shown_measures(cases: pd.DataFrame) -> list[str]:
    """Return the measures that tables show: those with a number; no mean Dice where there is one class only."""
    measures = [
        name for name in measures_of(cases) if name.split("_")[0] in ("dice", "vs") and cases[name].notna().any()
    ]
    classes = [name for name in measures if name.startswith("dice_")]
    return [name for name in measures if name != "dice" or len(classes) > 1]


def remark(cases: pd.DataFrame) -> str:
    """Return what a reader must know of an nnU-Net that finds next to nothing in real scans; "" of any other."""
    found = cases.loc[cases[COMPARISON] == REAL, "dice"].mean()
    if not found < LEAST_DICE:
        return ""
    return f"nnU-Net finds next to nothing in real scans (mean Dice {found:.2f}), so nothing follows; train it longer"


def means(cases: pd.DataFrame) -> pd.DataFrame:
    """Return one row a comparison: number of cases, mean of each measure and `<measure>_std`; NaN left out."""
    groups = cases.groupby(COMPARISON, sort=False)
    columns: dict[str, Any] = {"cases": groups.size()}
    for measure in measures_of(cases):
        columns[measure] = groups[measure].mean()
        columns[f"{measure}_std"] = groups[measure].std(ddof=1)
    return pd.DataFrame(columns).reset_index()


def mean_dice(row: Mapping[str, float]) -> float:
    """Return the mean of the classes' Dice; a class that both maps lack is left out, NaN where all are.

    >>> mean_dice({"dice_edema": 0.5, "dice_core": float("nan"), "vs_edema": 1.0})
    0.5
    """
    values = np.array([value for name, value in row.items() if name.startswith("dice_")], dtype=float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")
