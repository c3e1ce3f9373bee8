"""The tables of a benchmark, in the form of the paper's Tables 1 to 3, from one row a method, seed, task and case."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from hifisyn.columns import DIRECTION, METHOD
from hifisyn.directions import Direction
from hifisyn.downstream import tissue
from hifisyn.downstream.measures import COMPARISON, measure_title, shown_measures
from hifisyn.downstream.run import FinishedJob
from hifisyn.downstream.show import borders
from hifisyn.downstream.tissue_of_folders import MAIN
from hifisyn.evaluation.measures import LOWER_IS_BETTER, TITLES
from hifisyn.evaluation.untrained import base_rows, models_last, with_base_explained
from hifisyn.experiments.as_the_paper import WHOLE
from hifisyn.experiments.methods import REFERENCE
from hifisyn.experiments.tables import ROW, against, of_every_task
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.heads import Head
from hifisyn.tables.table import Table

BRAIN = ("psnr_brain", "ssim_brain", "correlation")
RANGE = "Intensities are in [-1, 1]: the range of PSNR and SSIM is 2."


def table_1(cases: pd.DataFrame) -> Table:
    """Return PSNR and SSIM over the slice: each task where there are two, and the average over all tasks.

    A method that lacks a task has no average, since tasks are not equally hard; nor has a subject that lacks one.

    Args:
        cases: `row`, `seed`, `direction`, `case`, `subject`, `MEASURES`; a direction is a task.
    """
    tasks = list(dict.fromkeys(cases[DIRECTION]))
    whole = of_every_task(cases, len(tasks))
    average = whole.assign(**{DIRECTION: f"average of {len(tasks)} tasks"})
    shown = pd.concat([cases, average], ignore_index=True) if len(tasks) <= 2 or average.empty else average
    table = against(shown, REFERENCE, WHOLE, "Table 1: image quality over the slice", head=METHOD)
    lacking = [name for name in dict.fromkeys(cases[ROW]) if name not in set(average[ROW])]
    without = f" Without average, since a task is missing: {', '.join(lacking)}." if lacking else ""
    return table.noted(f"{RANGE}{without}")


def table_2(cases: pd.DataFrame) -> Table:
    """Return each task in the brain, and over the slice too where Table 1 has averages alone."""
    few = cases[DIRECTION].nunique() <= 2
    title = f"Table 2: image quality by task, {'' if few else 'over the slice and '}in the brain"
    table = against(cases, REFERENCE, BRAIN if few else (*WHOLE, *BRAIN), title, head=METHOD)
    return table.noted(f"{RANGE} In the brain only pixels of the brain mask count.")


def with_base(cases: pd.DataFrame, untrained: pd.DataFrame) -> pd.DataFrame:
    """Return cases with those of the base model as further rows.

    Args:
        cases: as for `table_1`.
        untrained: the cases of what needs no training, see `untrained`; may be empty.
    """
    base = untrained[untrained[METHOD].isin(base_rows(untrained[METHOD]))] if len(untrained) else untrained
    return pd.concat([cases, base.rename(columns={METHOD: ROW})], ignore_index=True) if len(base) else cases


def table_3(done: Sequence[FinishedJob], names: dict[str, str]) -> Table | None:
    """Return Dice and volumetric similarity of tissues in synthetic scans; none where no tissue was segmented.

    Args:
        done: downstream work.
        names: label of a model to the row that it is.
    """
    cases = _tissue_cases(done, names)
    if cases.empty:
        return None
    measures = shown_measures(cases)
    return against(
        cases,
        REFERENCE,
        measures,
        _tissue_title(done),
        head=METHOD,
        titles={measure: measure_title(measure) for measure in measures},
        percent=True,
    )


def borders_of_tissues(done: Sequence[FinishedJob], names: dict[str, str]) -> Table | None:
    """Return the distances of tissue borders, to stand beside `table_3`; none where they were not measured."""
    cases = _tissue_cases(done, names)
    for table in borders(cases, ROW, _tissue_title(done)) if len(cases) else []:
        return replace(table, head=(Head(METHOD), *table.head[1:]))
    return None


def _tissue_cases(done: Sequence[FinishedJob], names: dict[str, str]) -> pd.DataFrame:
    """Return how alike tissues of synthetic and real scans are, one row a row, direction and case."""
    parts = [
        entry.result.cases.assign(**{ROW: names[entry.job.model], DIRECTION: _task(entry)})
        for entry in done
        if entry.job.task == tissue.TASK
    ]
    cases = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return cases[cases[COMPARISON] == MAIN] if parts else cases


def _tissue_title(done: Sequence[FinishedJob]) -> str:
    tools = ", ".join(dict.fromkeys(str(e.result.settings["tool"]) for e in done if e.job.task == tissue.TASK))
    return f"Table 3: tissues of synthetic scans ({tools})"


def untrained(cases: pd.DataFrame) -> Table:
    """Return what is reached without training on the cohort, on the same cases: baselines, then the base model."""
    table = compare_methods(
        models_last(cases, METHOD),
        measures=(*WHOLE, *BRAIN),
        row=METHOD,
        titles=TITLES,
        lower_is_better=LOWER_IS_BETTER,
        title="What needs no training",
    )
    return with_base_explained(table, base_rows(cases[METHOD]))


def _task(entry: FinishedJob) -> str:
    settings = entry.result.settings
    return str(Direction(settings["source"], settings["target"]))
