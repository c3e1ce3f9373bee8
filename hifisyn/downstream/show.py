"""The results of downstream tasks as tables for people: each comparison with its test, and the gap to real scans."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from hifisyn.columns import DIRECTION, MODEL
from hifisyn.directions import Direction
from hifisyn.downstream.measures import COMPARISON, REAL, border_measures, measure_title, shown_measures
from hifisyn.downstream.run import FinishedJob
from hifisyn.downstream.table_4 import tables_4
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.downstream.tissue_of_folders import MAIN
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.differences import differences
from hifisyn.tables.table import Table

BORDERS_NOTE = "HD95: 95th percentile of the distances of two borders, the larger of both ways; not tested."


def tables(done: Sequence[FinishedJob]) -> list[Table]:
    """Return the tables of each task: tissue by model, lesions against real scans, Table 4, and the gaps."""
    result = []
    for task in dict.fromkeys(entry.job.task for entry in done):
        result += _tables(task, [entry for entry in done if entry.job.task == task])
    return result


def borders(cases: pd.DataFrame, row: str, title: str) -> list[Table]:
    """Return a table of the distances of tissue borders in mm; none where they were not measured."""
    measures = border_measures(cases)
    if not measures:
        return []
    ceilings = ceiling_rows(cases[row])
    shown = compare_methods(
        cases,
        measures=measures,
        row=row,
        unranked=ceilings,
        titles={name: measure_title(name) for name in measures},
        lower_is_better=measures,
        title=f"{title}, borders (mm)",
    )
    return [with_ceilings_explained(shown.noted(BORDERS_NOTE), ceilings)]


def _tables(task: DownstreamTask, done: Sequence[FinishedJob]) -> list[Table]:
    parts = [entry.result.cases.assign(**{DIRECTION: _direction(entry), MODEL: entry.job.model}) for entry in done]
    cases = pd.concat(parts, ignore_index=True)
    measures = shown_measures(cases)
    tools = ", ".join(dict.fromkeys(str(entry.result.settings["tool"]) for entry in done))
    words: dict[str, Any] = {"measures": measures, "titles": {m: measure_title(m) for m in measures}, "percent": True}
    if task == DownstreamTask.TISSUE:
        main = cases[cases[COMPARISON] == MAIN]
        table = compare_methods(main, row=MODEL, title=f"{task}: {tools}", **words)
        return [table, *borders(main, MODEL, f"{task}: {tools}")]
    remarks = [
        f"{_direction(entry)}: {entry.result.settings['remark']}."
        for entry in done
        if entry.result.settings.get("remark")
    ]
    if task == DownstreamTask.AUGMENT:
        return list(tables_4(cases, tools, list(dict.fromkeys(remarks))).values())
    if cases[MODEL].nunique() > 1:
        cases[DIRECTION] = cases[MODEL] + ", " + cases[DIRECTION]
    table = compare_methods(cases, row=COMPARISON, reference=REAL, title=f"{task}: {tools}", **words)
    table = replace(table, note=" ".join([*remarks, table.note]))
    return [table, differences(table, percent=True, title=f"{task}: difference from {REAL}, percentage points")]


def _direction(entry: FinishedJob) -> str:
    settings = entry.result.settings
    return str(Direction(settings["source"], settings["target"]))
