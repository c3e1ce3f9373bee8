"""The results of downstream tasks and ablations on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, METHOD, SUBJECT
from hifisyn.directions import Direction
from hifisyn.downstream.measures import COMPARISON
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.experiments.ablation import ABLATION
from hifisyn.json_files import read_object
from hifisyn.tables.read_frame import read_frame


@dataclass(frozen=True)
class Downstream:
    """One downstream task of one model.

    Attributes:
        label: of the model.
        task: which of the downstream tasks.
        direction: of the synthetic scans.
        split: test or val.
        folder: of its files.
        summary: summary.json: settings, mean, failures, versions.
        cases: subjects.csv.
        pictures: overlays, one a case.
    """

    label: str
    task: DownstreamTask
    direction: Direction
    split: str
    folder: Path
    summary: dict[str, Any]
    cases: pd.DataFrame
    pictures: tuple[Path, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """Tool, model and so on, as the task wrote them."""
        return dict(self.summary.get("settings") or {})


@dataclass(frozen=True)
class Ablation:
    """An ablation.

    Attributes:
        name: such as "T1_T2_fold_0".
        cases: subjects.csv, one row a variant, seed, direction and case.
        record: ablation.json: what was compared, with which budget.
        picture: of the table; it may not exist.
    """

    name: str
    cases: pd.DataFrame
    record: dict[str, Any]
    picture: Path

    @property
    def split(self) -> str:
        """Test or val, that the numbers are of; "" where it was not recorded."""
        return str((self.record.get("compared") or {}).get("split", ""))

    @property
    def seconds_a_step(self) -> dict[str, float]:
        """Seconds of a step by row, mean over its trainings; rows without a record are missing."""
        found = {}
        for row in self.record.get("rows") or []:
            trainings = row["trainings"]
            steps = sum(training["steps"] for training in trainings)
            if steps:
                found[str(row["row"])] = sum(training["seconds"] for training in trainings) / steps
        return found


def read_downstream(label: str, fold_folder: Path, split: str) -> list[Downstream]:
    """Return the finished tasks of one fold of a model."""
    results = []
    for task in DownstreamTask:
        for folder in sorted((fold_folder / f"downstream_{split}" / task).glob("*/")):
            cases = read_csv(folder / "subjects.csv")
            if cases is None:
                continue
            summary = folder / "summary.json"
            results.append(
                Downstream(
                    label,
                    task,
                    Direction.parse(folder.name),
                    split,
                    folder,
                    read_object(summary) if summary.is_file() else {},
                    cases,
                    tuple(sorted(folder.glob("*.png"))),
                )
            )
    return results


def read_ablations(results: Path) -> list[Ablation]:
    """Return the ablations of a data set, from its folder of results."""
    ablations = []
    for folder in sorted(results.glob("ablation_*/")):
        cases, record = read_csv(folder / "subjects.csv"), folder / f"{ABLATION.name}.json"
        if cases is not None and record.is_file():
            name = folder.name.removeprefix("ablation_")
            ablations.append(Ablation(name, cases, read_object(record), folder / f"{ABLATION.page}.png"))
    return ablations


def read_csv(file: Path) -> pd.DataFrame | None:
    """Read a table; none where there is none, or no rows.

    Raises:
        UserError: the file is not a table.
    """
    if not file.is_file() or not file.stat().st_size:
        return None
    table = read_frame(file, NAMES)
    return None if table.empty else table


NAMES = (CASE, SUBJECT, METHOD, DIRECTION, COMPARISON, "row", "settings", "region")
