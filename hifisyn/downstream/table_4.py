"""Table 4 of the paper as one: an nnU-Net of real scans, and those that learnt from the copies of each model too."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, MODEL
from hifisyn.downstream.augment import BOTH
from hifisyn.downstream.best_baseline import best_baselines, ours_of
from hifisyn.downstream.measures import COMPARISON, REAL, measure_title, shown_measures
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.differences import differences
from hifisyn.tables.heads import heads
from hifisyn.tables.table import Table

TITLE = "Table 4: nnU-Net trained on real, and on real and synthetic scans"
MEANING = (
    "A direction says which contrast is segmented, the second, and from which its copies were synthesised, the first."
)


def table_4(cases: pd.DataFrame, tools: str = "") -> Table:
    """Return one row for real scans and one for the copies of each model, HiFi-Syn last, tested against real scans.

    Args:
        cases: one row a direction, model, comparison (`REAL` or `BOTH`) and case; Dice of the real test scans. The row
            of real scans is the same for every model, and kept once.
        tools: that segmented, for the title.
    """
    rows, ceilings = _named(cases), ceiling_rows(cases[MODEL])
    measures = shown_measures(rows)
    table = compare_methods(
        rows,
        measures=measures,
        row=MODEL,
        reference=REAL if rows[MODEL].nunique() > 1 else None,
        unranked=[_row(model) for model in ceilings],
        titles={name: measure_title(name) for name in measures},
        title=f"{TITLE} ({tools})" if tools else TITLE,
        percent=True,
    )
    return with_ceilings_explained(table.noted(MEANING), ceilings)


def against_the_best_baseline(cases: pd.DataFrame) -> Table | None:
    """Return the tests of HiFi-Syn's copies against those of the best baseline; none where one of them is missing.

    The best baseline of a direction has the highest mean Dice, whatever the test says: HiFi-Syn is given no easier
    opponent. One test a direction, of the mean Dice over classes.

    Args:
        cases: as for `table_4`, with `dice`.
    """
    copies = cases[cases[COMPARISON] == BOTH]
    ours, best = ours_of(copies[MODEL]), best_baselines(copies)
    if ours is None or not best:
        return None
    parts = []
    for direction, baseline in best.items():
        own = copies[(copies[DIRECTION] == direction) & copies[MODEL].isin([ours, baseline])]
        if own[MODEL].nunique() == 2:
            named = own.assign(**{DIRECTION: f"{direction}, against {baseline}"})
            words: dict[str, Any] = {"titles": {"dice": "mean Dice"}, "percent": True}
            parts.append(compare_methods(named, measures=("dice",), row=MODEL, reference=baseline, **words))
    tests = [differences(part, percent=True) for part in parts]
    rows = tuple(row for test in tests for row in test.rows)
    if not rows:
        return None
    return Table(
        "Table 4: HiFi-Syn's copies against those of the best baseline, percentage points of mean Dice",
        f"{tests[0].note} The best baseline of a direction is the one whose copies give the highest mean Dice.",
        (heads("direction, model")[0], *tests[0].head[1:]),
        rows,
        pd.concat([test.numbers for test in tests], ignore_index=True),
    )


def tables_4(cases: pd.DataFrame, tools: str = "", remarks: Sequence[str] = ()) -> dict[str, Table]:
    """Return `table_4`, its differences from real scans and `against_the_best_baseline`, those that there are.

    Args:
        cases: as for `table_4`.
        tools: that segmented.
        remarks: sentences that a reader must know first.

    Returns:
        The tables by the ends of the names of their files: "", "_differences", "_best_baseline".
    """
    table = table_4(cases, tools)
    table = replace(table, note=" ".join([*remarks, table.note]))
    gaps = differences(table, percent=True, title=f"Table 4: difference from {REAL}, percentage points")
    best = against_the_best_baseline(cases)
    return {"": table} | ({"_differences": gaps} if gaps.rows else {}) | ({"_best_baseline": best} if best else {})


def _named(cases: pd.DataFrame) -> pd.DataFrame:
    """Return cases with the names of their rows in the column of models, real scans first and HiFi-Syn last."""
    ours = ours_of(cases[MODEL])
    real = cases[COMPARISON] == REAL
    named = cases.assign(**{MODEL: cases[MODEL].map(_row).where(~real, REAL)})
    order = (~real).astype(int) + (cases[MODEL] == ours).astype(int) * (~real)
    named = named.assign(order=order).sort_values("order", kind="stable").drop(columns="order")
    return named.drop_duplicates([DIRECTION, MODEL, CASE])


def _row(model: str) -> str:
    return f"{BOTH} ({model})"
