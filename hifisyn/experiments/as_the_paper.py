"""Tests as the paper has them, over the slices of all directions together, beside those over subjects.

The paper's p-values are of slices and are not corrected. Slices of a subject are alike, so these p-values are far too
small; they stand beside those that count, so that both can be compared with the paper's.
"""

from collections.abc import Sequence

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, METHOD, SLICE, SUBJECT
from hifisyn.evaluation.adapted_rows import rows_of_base
from hifisyn.evaluation.ceilings import ceiling_rows
from hifisyn.evaluation.measures import LOWER_IS_BETTER, TITLES
from hifisyn.evaluation.model_task import SLICES_CSV
from hifisyn.experiments.compare import task_of
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.tables import ROW, SEED, of_every_task
from hifisyn.experiments.trainings import Training
from hifisyn.statistics.verdict import count, p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.cells import REFERENCE, TOO_SMALL
from hifisyn.tables.comparison import ALPHA, compare_methods
from hifisyn.tables.heads import Head
from hifisyn.tables.read_frame import read_frame
from hifisyn.tables.table import Table

WHOLE = ("psnr", "ssim")
AS_THE_PAPER = "as_the_paper"  # name of the file of its numbers


def read_slices(experiment: Experiment, trainings: Sequence[Training]) -> pd.DataFrame:
    """Return one row a row, seed, direction and slice of trainings that were evaluated; as for `as_the_paper`."""
    parts = []
    for training in trainings:
        task = task_of(experiment, training)
        table = read_frame(task.output / SLICES_CSV, (CASE, SUBJECT))
        own = table[table[METHOD] == task.model.method][[DIRECTION, CASE, SUBJECT, SLICE, *WHOLE]]
        parts.append(own.assign(**{ROW: training.row.name, SEED: training.job.seed}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def as_the_paper(slices: pd.DataFrame, reference: str, *, head: str = ROW) -> Table | None:
    """Return p-values over slices beside those over subjects, each over all directions; none without the reference.

    Rows that lack a direction are left out, and so are subjects that lack one.

    Args:
        slices: `row`, `seed`, `direction`, `case`, `subject`, `slice` and `WHOLE`.
        reference: row that the others are tested against.
        head: of the column of rows.

    Returns:
        The table; its `numbers` hold one row a measure and row: `slices`, `mean` and `sd` over slices, `p_slices`
        without correction, `subjects` and `p_subjects_holm`.
    """
    tasks = slices[DIRECTION].nunique() if len(slices) else 0
    whole = of_every_task(slices, tasks) if tasks else slices
    names = list(dict.fromkeys(whole[ROW])) if len(whole) else []
    if reference not in names or len(names) < 2:
        return None
    pooled = whole.assign(**{CASE: whole[DIRECTION] + " " + whole[CASE]})
    by_slice, by_subject = (_compared(pooled, reference, unit) for unit in (SLICE, SUBJECT))
    columns: list[list[Cell]] = []
    for place, measure in enumerate(WHOLE, 1):
        found = by_slice.numbers[by_slice.numbers["measure"] == measure].set_index(ROW)
        columns += [
            [Cell(row[place].text, row[place].best) for row in by_slice.rows],
            [Cell(_p(found.loc[name, "p"], name == reference)) for name in names],
            [Cell(row[place].test) for row in by_subject.rows],
        ]
    shown = [
        Head(title, TITLES[measure])
        for measure in WHOLE
        for title in ("mean", "p over slices, not corrected", "p over subjects, Holm")
    ]
    rows = tuple((Cell(name), *cells) for name, *cells in zip(names, *columns, strict=True))
    title = "Tests as the paper has them, beside those over subjects"
    numbers = _numbers(by_slice.numbers, by_subject.numbers)
    table = Table(title, _note(numbers, reference, tasks), (Head(head), *shown), rows, numbers)
    few = any(cell.text == TOO_SMALL for row in rows for cell in row)
    return table.noted(f"{TOO_SMALL}: so few subjects cannot reach p {ALPHA:g} after the correction." if few else "")


def _compared(pooled: pd.DataFrame, reference: str, unit: str) -> Table:
    return compare_methods(
        pooled,
        measures=WHOLE,
        by="",
        row=ROW,
        reference=reference,
        apart=rows_of_base(pooled[ROW]),
        unranked=ceiling_rows(pooled[ROW]),
        titles=TITLES,
        lower_is_better=LOWER_IS_BETTER,
        unit=unit,
    )


def _numbers(slices: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    own = slices.rename(columns={"n": "slices", "p": "p_slices"})
    beside = subjects.rename(columns={"n": "subjects", "p_holm": "p_subjects_holm"})
    both = own[["measure", ROW, "slices", "mean", "sd", "p_slices"]]
    return both.merge(beside[["measure", ROW, "subjects", "p_subjects_holm"]], on=["measure", ROW])


def _p(value: float, is_reference: bool) -> str:
    if is_reference:
        return REFERENCE
    return "" if pd.isna(value) else p_text(value)


def _note(numbers: pd.DataFrame, reference: str, tasks: int) -> str:
    slices, subjects = int(numbers["slices"].max()), int(numbers["subjects"].max())
    together = f" of {tasks} directions together" if tasks > 1 else ""
    return (
        f"Mean ± standard deviation over {count(slices, 'slice')}{together}. p over slices: two-sided Wilcoxon "
        f"signed-rank test against {reference}, paired by slice, not corrected. That is how the paper's p-values "
        "are read; slices of a subject are not independent, so p is far too small. p over subjects: the same test over "
        f"{count(subjects, 'subject')}, each with the mean of its directions, after Holm's correction over the tests "
        "of a measure."
    )
