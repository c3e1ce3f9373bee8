"""What only an ablation has: the parts of each row, Tables 5 and 6 of the paper, all numbers in one wide file."""

from collections.abc import Mapping, Sequence

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, SUBJECT
from hifisyn.evaluation.measures import MEASURES
from hifisyn.experiments.as_the_paper import AS_THE_PAPER, as_the_paper, read_slices
from hifisyn.experiments.cost import beside_quality, cost, seconds_a_step
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.kind import Kind
from hifisyn.experiments.rows import FULL, PARTS, TABLE_6, Row
from hifisyn.experiments.tables import (
    MEANING,
    ROW,
    SEED,
    SHOWN,
    against,
    details,
    seed_spread,
    seed_table,
    trained_once,
)
from hifisyn.experiments.write import Pages, Results
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import heads
from hifisyn.tables.table import Table

ABLATION = Kind("ablation", noun="row", page="table", reference=FULL.name, shorter="--epochs N", alike=True)


def pages(experiment: Experiment, results: Results) -> Pages:
    """Return what an ablation shows: the parts of its rows and its tables; table.csv holds all measures of slices."""
    beside = details(results.cases)
    seconds = seconds_a_step(results.trainings)
    quality = [beside_quality(table, seconds) for table in comparisons(results.cases, experiment.title)]
    paper = tests_as_the_paper(read_slices(experiment, results.trainings))
    shown = [*quality, *paper, *beside.values()]
    if len(experiment.seeds) > 1:
        shown.append(seed_table(results.cases))
    shown.append(cost(results.trainings, ROW))
    numbers = wide(results.cases, {row.name: " ".join(row.assignments) for row in experiment.rows})
    return Pages(
        preface=[parts_table(experiment.rows).markdown()],
        tables=shown,
        files={"table": numbers.to_csv(index=False, float_format="%.6f")}
        | {name: table.csv() for name, table in beside.items()}
        | ({AS_THE_PAPER: pd.concat([table.numbers for table in paper]).to_csv(index=False)} if paper else {}),
    )


def comparisons(cases: pd.DataFrame, title: str) -> list[Table]:
    """Return `comparison`; of rows of Table 6 alone, one table a method, tested against the method as published."""
    families = _families(cases)
    if len(families) == 1 and FULL.name in families:
        return [comparison(cases, title)]
    return [comparison(own, f"{title}: {method}", reference=method) for method, own in families.items()]


def tests_as_the_paper(slices: pd.DataFrame) -> list[Table]:
    """Return `as_the_paper` for the same families as `comparisons`."""
    families = _families(slices) if len(slices) else {}
    return [table for reference, own in families.items() if (table := as_the_paper(own, reference))]


def _families(cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return rows that are tested together, by their reference: of Table 6 alone those of a method, else all."""
    methods = {row.name: row.method for row in TABLE_6}
    if not set(cases[ROW]) <= set(methods):
        return {FULL.name: cases}
    own = cases[ROW].map(methods)
    return {method: cases[own == method] for method in dict.fromkeys(own)}


def comparison(cases: pd.DataFrame, title: str, measures: Sequence[str] = SHOWN, reference: str = FULL.name) -> Table:
    """Return the table in the form of the paper's Table 5: one row a row, both directions, tested against a reference.

    Args:
        cases: one row a row, seed, direction and case; `row`, `seed`, `direction`, `case`, `subject`, `MEASURES`.
        title: of the table.
        measures: columns to show.
        reference: row that the others are tested against.
    """
    table = against(cases, reference, measures, title)
    seeds = cases[SEED].nunique()
    seen = trained_once(ABLATION.noun) if seeds == 1 else f"A subject counts with its mean over {seeds} seeds."
    return table.noted(f"{MEANING} {seen}")


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


def parts_table(rows: Sequence[Row]) -> Table:
    """Return what each row has and by which changes of the plans, with the paper's tick marks."""
    marks = {row: ["x" if part in (row.parts or ()) else "" for part in PARTS] for row in rows}
    words = {row: (row.summary, " ".join(row.assignments) or "none") for row in rows}
    cells = tuple(
        (Cell(row.name), *map(Cell, marks[row]), *(Cell(text, words=True) for text in words[row])) for row in rows
    )
    head = heads(ROW, *PARTS, "in words", "changes of the plans")
    return Table("What each row has", "", head, cells, pd.DataFrame())
