"""Which rows of tables are of no trained model: the baselines, and the base model, a family of its own.

The base model is tested against the reference, with a correction of its own: the tests among trained methods and
baselines are the same with it and without.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from hifisyn.baselines import BASELINE_NAMES
from hifisyn.tables.table import Table

BASE, TOLD = "base@", "told tissue means"  # a number follows; what the row was told stands last


def is_base(name: str) -> bool:
    """Return whether a row is of the base model.

    >>> is_base("base@1, told tissue means"), is_base("HiFiSyn")
    (True, False)
    """
    return name.startswith(BASE)


def is_untrained(names: pd.Series) -> pd.Series:
    """Return which rows need no training on the cohort: bool, of the same index."""
    return names.isin(BASELINE_NAMES) | names.str.startswith(BASE)


def models_last(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table with the baselines first, then the base model, then the trained models."""
    return rows.sort_values(
        column, key=lambda names: (~names.isin(BASELINE_NAMES)).astype(int) + ~is_untrained(names), kind="stable"
    )


def base_rows(names: Iterable[str]) -> list[str]:
    """Return the names that are of the base model, each once."""
    return [name for name in dict.fromkeys(names) if is_base(name)]


def what_base_is(rows: Sequence[str]) -> str:
    """Return a sentence on rows of the base model; "" where there are none.

    >>> what_base_is(["base@1"])
    'base@1: comes with hifisyn, learnt from simulated heads only, saw no scan of this cohort.'
    """
    if not rows:
        return ""
    told = "; told, it knows the mean of each tissue of the target in training subjects, without pairs"
    name = rows[0].partition(",")[0]
    what = f"{name}: comes with hifisyn, learnt from simulated heads only, saw no scan of this cohort"
    return f"{what}{told if any(TOLD in row for row in rows) else ''}."


def with_base_explained(table: Table, rows: Sequence[str]) -> Table:
    """Return a table whose note says what the base model is, if it has rows of it."""
    return table.noted(what_base_is(rows))
