"""The tables of an ablation, from one row a row, seed, direction and case: means, tests, and the spread over seeds."""

from collections.abc import Mapping, Sequence

import pandas as pd

from hifisyn.evaluation.against_baselines import DIRECTION, SUBJECT
from hifisyn.evaluation.measures import CASE, LOWER_IS_BETTER, MEASURES, TITLES, mean_of_finite
from hifisyn.experiments.rows import FULL, PARTS, TABLE_6, Row
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.table import Cell, Table

ROW, SEED = "row", "seed"
SHOWN = ("psnr", "ssim", "psnr_brain", "ssim_brain", "correlation")
MEANING = (
    "The tests are over subjects: they tell whether these trained models differ, not whether models trained anew would."
)
ONE_SEED = (
    "Each row was trained once, so how far two trainings of one row lie apart is not known, and small differences may "
    "be noise; --seeds 0 1 2 tells."
)


def comparisons(cases: pd.DataFrame, title: str) -> list[Table]:
    """Return `comparison`; of rows of Table 6 alone, one table a method, tested against the method as published."""
    methods = {row.name: row.method for row in TABLE_6}
    if not set(cases[ROW]) <= set(methods):
        return [comparison(cases, title)]
    own = cases[ROW].map(methods)
    return [comparison(cases[own == method], f"{title}: {method}", reference=method) for method in dict.fromkeys(own)]


def comparison(cases: pd.DataFrame, title: str, measures: Sequence[str] = SHOWN, reference: str = FULL.name) -> Table:
    """Return the table in the form of the paper's Table 5: one row a row, both directions, tested against a reference.

    Without the row of the reference nothing is tested. A case counts with its mean over seeds, a subject with the mean
    of its cases.

    Args:
        cases: one row a row, seed, direction and case; `row`, `seed`, `direction`, `case`, `subject`, `MEASURES`.
        title: of the table.
        measures: columns to show.
        reference: row that the others are tested against.
    """
    made = compare_methods(
        cases,
        measures=measures,
        by=DIRECTION,
        row=ROW,
        reference=reference if reference in set(cases[ROW]) and cases[ROW].nunique() > 1 else None,
        titles=TITLES,
        lower_is_better=LOWER_IS_BETTER,
        title=title,
    )
    seeds = cases[SEED].nunique()
    remarks = [made.note, MEANING, ONE_SEED if seeds == 1 else f"A subject counts with its mean over {seeds} seeds."]
    return Table(made.title, " ".join(remarks), made.head, made.rows, made.numbers)


def seed_spread(cases: pd.DataFrame) -> pd.DataFrame:
    """Return the standard deviation, over seeds, of each mean over subjects: index row and direction, `MEASURES`.

    NaN for one seed.
    """
    keys = [ROW, DIRECTION, SEED]
    subjects = cases.groupby([*keys, SUBJECT], sort=False)[list(MEASURES)].agg(mean_of_finite)
    means = subjects.groupby(level=keys, sort=False).agg(mean_of_finite)
    return means.groupby(level=[ROW, DIRECTION], sort=False).std(ddof=1)


def seed_table(cases: pd.DataFrame) -> Table:
    """Return `seed_spread` as a table for people, one row a row, the columns of `comparison`."""
    spread = seed_spread(cases)
    directions = list(dict.fromkeys(cases[DIRECTION]))
    columns = [(direction, measure) for direction in directions for measure in SHOWN]
    rows = tuple(
        (Cell(row), *(Cell(_short(spread.loc[(row, direction), measure], measure)) for direction, measure in columns))
        for row in dict.fromkeys(cases[ROW])
    )
    head = (ROW, *(f"{direction}: {TITLES[measure]}" for direction, measure in columns))
    note = (
        f"Standard deviation, over {cases[SEED].nunique()} seeds, of the mean over subjects. A difference between rows "
        "that is not well above it is no finding."
    )
    return Table("Spread between trainings of the same row", note, head, rows, spread.reset_index())


def wide(cases: pd.DataFrame, settings: Mapping[str, str]) -> pd.DataFrame:
    """Return all numbers, one row a row and direction.

    Args:
        cases: as for `comparison`.
        settings: row to what it changes.

    Returns:
        `row`, `settings`, `direction`, `cases`, `subjects`, and for each of `MEASURES` its mean over subjects,
        `<measure>_std` over subjects, `<measure>_p_holm` against "all three", and `<measure>_seed_std`.
    """
    groups = cases.groupby([ROW, DIRECTION], sort=False)
    table = groups.agg(cases=(CASE, "nunique"), subjects=(SUBJECT, "nunique"))
    long = comparison(cases, "", MEASURES).numbers.set_index([ROW, DIRECTION, "measure"])
    spread = seed_spread(cases)
    for measure in MEASURES:
        own = long.xs(measure, level="measure").reindex(table.index)
        table[measure], table[f"{measure}_std"] = own["mean"], own["sd"]
        table[f"{measure}_p_holm"] = own["p_holm"] if "p_holm" in own else float("nan")
        table[f"{measure}_seed_std"] = spread[measure].reindex(table.index)
    table = table.reset_index()
    table.insert(1, "settings", table[ROW].map(settings))
    return table


def ticks(rows: Sequence[Row]) -> Table:
    """Return what each row has and how it came about, with the paper's tick marks."""
    marks = {row: ["x" if part in (row.parts or ()) else "" for part in PARTS] for row in rows}
    cells = tuple(
        tuple(map(Cell, (row.name, *marks[row], row.words, " ".join(row.assignments) or "none"))) for row in rows
    )
    return Table("What each row has", "", (ROW, *PARTS, "in words", "changes of the plans"), cells, pd.DataFrame())


def _short(spread: float, measure: str) -> str:
    return f"{spread:.{2 if 'psnr' in measure else 3}f}"
