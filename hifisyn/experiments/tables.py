"""The tables that every experiment has, from one row a row, seed, direction and case: tests, and spread over seeds."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from hifisyn.columns import DIRECTION, SUBJECT
from hifisyn.evaluation.adapted_rows import rows_of_base, with_adapted_explained
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.evaluation.detail_tables import detail_tables
from hifisyn.evaluation.measures import LOWER_IS_BETTER, MEASURES, TITLES, mean_of_finite
from hifisyn.tables.cell import Cell
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.heads import Head
from hifisyn.tables.table import Table

ROW, SEED = "row", "seed"
SHOWN = ("psnr", "ssim", "psnr_brain", "ssim_brain", "correlation")
MEANING = (
    "The tests are over subjects: they show whether these trained models differ, not whether models trained again "
    "would."
)


def against(
    cases: pd.DataFrame,
    reference: str,
    measures: Sequence[str],
    title: str,
    *,
    head: str = ROW,
    titles: dict[str, str] | None = None,
    percent: bool = False,
) -> Table:
    """Return one row a row and one column a direction and measure, tested against a reference.

    Without the row of the reference, or with it alone, nothing is tested. A case counts with its mean over seeds, a
    subject with the mean of its cases.

    Args:
        cases: `row`, `direction`, `case`, `subject` and the measures.
        reference: row that the others are tested against.
        measures: columns to show.
        title: of the table.
        head: of the column of rows.
        titles: measure to how it is headed.
        percent: whether shares are shown in percent.
    """
    rows, ceilings = set(cases[ROW]), ceiling_rows(cases[ROW])
    table = compare_methods(
        cases,
        measures=measures,
        by=DIRECTION,
        row=ROW,
        reference=reference if reference in rows and len(rows) > 1 else None,
        titles=titles or TITLES,
        apart=rows_of_base(cases[ROW]),
        unranked=ceilings,
        lower_is_better=LOWER_IS_BETTER,
        title=title,
        percent=percent,
    )
    table = with_adapted_explained(replace(table, head=(Head(head), *table.head[1:])), cases[ROW])
    return with_ceilings_explained(table, ceilings)


def details(cases: pd.DataFrame, *, head: str = ROW) -> dict[str, Table]:
    """Return structure and sharpness, lesions and confidence, in columns by direction, by the name of their files.

    Args:
        cases: as for `against`, with `CASE_MEASURES`.
        head: of the column of rows.
    """
    found = detail_tables(cases, ROW, by=DIRECTION)
    return {detail.name: replace(table, head=(Head(head), *table.head[1:])) for detail, table in found}


def of_every_task(cases: pd.DataFrame, tasks: int) -> pd.DataFrame:
    """Return what can be averaged over tasks, which are not equally hard: rows, and subjects of them, with every one.

    Args:
        cases: `row`, `direction` (a task) and `subject`.
        tasks: how many there are.
    """
    whole = cases[_all_there(cases, [ROW], tasks)]
    return whole[_all_there(whole, [ROW, SUBJECT], tasks)]


def _all_there(cases: pd.DataFrame, keys: list[str], tasks: int) -> pd.Series:
    """Return which rows belong to a group that has every task."""
    return cases.groupby(keys)[DIRECTION].transform("nunique") == tasks


def trained_once(noun: str) -> str:
    """Return what must be known of a comparison of single trainings."""
    return (
        f"Each {noun} was trained once, so how far two trainings of one {noun} lie apart is not known, and small "
        "differences may be noise; pass --seeds 0 1 2 to see."
    )


def seed_spread(cases: pd.DataFrame) -> pd.DataFrame:
    """Return the standard deviation, over seeds, of each mean over subjects: index row and direction, `MEASURES`.

    NaN for one seed.
    """
    keys = [ROW, DIRECTION, SEED]
    subjects = cases.groupby([*keys, SUBJECT], sort=False)[list(MEASURES)].agg(mean_of_finite)
    means = subjects.groupby(level=keys, sort=False).agg(mean_of_finite)
    return means.groupby(level=[ROW, DIRECTION], sort=False).std(ddof=1)


def seed_table(cases: pd.DataFrame, head: str = ROW) -> Table:
    """Return `seed_spread` as a table for people: one row a row, the measures of each direction side by side."""
    spread = seed_spread(cases)
    columns = [(direction, measure) for direction in dict.fromkeys(cases[DIRECTION]) for measure in SHOWN]
    rows = tuple(
        (Cell(row), *(Cell(_short(spread.loc[(row, direction), measure], measure)) for direction, measure in columns))
        for row in dict.fromkeys(cases[ROW])
    )
    note = (
        f"Standard deviation, over {cases[SEED].nunique()} seeds, of the mean over subjects. A difference between rows "
        "that is not well above it is no finding."
    )
    heads = (Head(head), *(Head(TITLES[measure], direction) for direction, measure in columns))
    return Table("Spread between trainings of the same row", note, heads, rows, spread.reset_index())


def _short(spread: float, measure: str) -> str:
    return f"{spread:.{2 if 'psnr' in measure else 3}f}"
