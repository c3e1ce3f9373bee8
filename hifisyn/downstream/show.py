"""What downstream tasks found, as tables for people: each comparison with its test."""

from collections.abc import Sequence

import pandas as pd

from hifisyn.downstream import lesion, tissue
from hifisyn.downstream.run import Done
from hifisyn.downstream.tissue_of_folders import MAIN
from hifisyn.downstream.work import COMPARISON, measures_of
from hifisyn.evaluation.tables import Table, compare_methods

GROUP, MODEL = "direction", "model"


def tables(done: Sequence[Done]) -> list[Table]:
    """Return a table a task: tissue by model, lesions and augmentation by what was segmented or learned from."""
    return [
        _table(task, [entry for entry in done if entry.work.task == task])
        for task in dict.fromkeys(e.work.task for e in done)
    ]


def _table(task: str, done: Sequence[Done]) -> Table:
    parts = []
    for entry in done:
        parts.append(entry.result.cases.assign(**{GROUP: _group(entry), MODEL: entry.work.model}))
    cases = pd.concat(parts, ignore_index=True)
    measures = [name for name in measures_of(cases.drop(columns=[GROUP, MODEL])) if cases[name].notna().any()]
    several = cases[MODEL].nunique() > 1
    if task == tissue.TASK:
        cases = cases[cases[COMPARISON] == MAIN]
        return _compared(task, done, cases, measures, MODEL, None)
    if several:
        cases[GROUP] = cases[MODEL] + ", " + cases[GROUP]
    return _compared(task, done, cases, measures, COMPARISON, lesion.REAL)


def _compared(
    task: str, done: Sequence[Done], cases: pd.DataFrame, measures: list[str], row: str, reference: str | None
) -> Table:
    titles = {name: name.replace("dice_", "Dice ").replace("vs_", "VS ").replace("dice", "Dice") for name in measures}
    tools = ", ".join(dict.fromkeys(str(entry.result.settings["tool"]) for entry in done))
    title = f"{task} ({tools})"
    return compare_methods(
        cases, measures=measures, by=GROUP, row=row, reference=reference, titles=titles, title=title, percent=True
    )


def _group(entry: Done) -> str:
    found = entry.result.settings
    return f"{found['source']} to {found['target']}" if "target" in found else str(found["modality"])
