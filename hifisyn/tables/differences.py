"""The tests behind a comparison as a table of their own: differences with intervals, effect sizes, verdicts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hifisyn.statistics.verdict import PairedVerdict, p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, heads
from hifisyn.tables.table import Table

NOTE = (
    "Difference: mean of method - reference over pairs, with its 95 % bootstrap interval (BCa). r: matched-pairs "
    "rank-biserial correlation, from -1 to 1, positive where the method is larger. p: two-sided Wilcoxon signed-rank "
    "test, before and after Holm's correction."
)
HEAD = heads("pairs", "difference", "95 % interval", "r", "p", "after Holm", "verdict")


def differences(compared: Table, *, percent: bool = False, title: str = "") -> Table:
    """Return one row a test of a table of `compare_methods` with a reference.

    Args:
        compared: the table.
        percent: whether differences of shares are shown in percent.
        title: of the new table.

    Returns:
        A table without rows where nothing was tested.
    """
    count = len(compared.rows)
    rows = []
    for place, row in enumerate(compared.numbers.to_dict("records")):
        if isinstance(row.get("verdict"), PairedVerdict):
            name = f"{compared.head[1 + place // count]}, {compared.rows[place % count][0].text}"
            rows.append((Cell(name), *_cells(row, percent)))
    tested = compared.numbers.dropna(subset="verdict") if rows else compared.numbers.iloc[:0]
    return Table(title, NOTE, (Head(f"measure, {compared.head[0]}"), *HEAD), tuple(rows), tested)


def _cells(row: Mapping[str, Any], percent: bool) -> list[Cell]:
    """Return the cells of a test."""
    factor = 100 if percent else 1
    low, high = factor * row["low"], factor * row["high"]
    texts = [
        f"{row['pairs']:.0f}",
        _signed(factor * row["difference"]),
        f"{_signed(low)} to {_signed(high)}" if np.isfinite(low) else "",
        _signed(row["effect"], "+.2f"),
        _p(row["p"]),
        _p(row["p_holm"]),
    ]
    return [*map(Cell, texts), Cell(str(row["verdict"]), words=True)]


def _signed(value: float, form: str = "+.3g") -> str:
    return format(value, form) if np.isfinite(value) else ""


def _p(value: float) -> str:
    return p_text(value).removeprefix("p ")
