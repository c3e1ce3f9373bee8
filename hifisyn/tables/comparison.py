"""Compare methods in a table: mean and spread over subjects, the best marked, tests against a reference beside."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from hifisyn.columns import DIRECTION, METHOD, SLICE, SUBJECT
from hifisyn.errors import UserError
from hifisyn.statistics.paired import against_reference
from hifisyn.statistics.units import by_unit, check_unit
from hifisyn.statistics.verdict import SLICE_LEVEL
from hifisyn.tables.cell import Cell
from hifisyn.tables.cells import REFERENCE, SAME, TOO_SMALL, method_cells
from hifisyn.tables.heads import Head
from hifisyn.tables.table import Table

ALPHA = 0.05
TESTED = ("pairs", "difference", "low", "high", "effect", "p", "p_holm", "least_p", "verdict")


def compare_methods(
    cases: pd.DataFrame,
    *,
    measures: Sequence[str],
    by: str = DIRECTION,
    row: str = METHOD,
    reference: str | None = None,
    apart: Collection[str] = (),
    unranked: Collection[str] = (),
    unmarked: Collection[str] = (),
    titles: Mapping[str, str] | None = None,
    lower_is_better: Collection[str] = ("nmse", "nmse_brain"),
    unit: str = SUBJECT,
    title: str = "",
    percent: bool = False,
) -> Table:
    """Return one row a method, one column a value of `by` and measure.

    Args:
        cases: long table, one row a case; one row a slice for the unit "slice".
        measures: columns of it to show.
        by: column whose values become groups of columns; "" for none.
        row: column whose values become the rows.
        reference: row to test the others against; None for no tests.
        apart: rows whose tests are a family of their own: they leave the correction of the others as it is without
            them.
        unranked: rows that compete with none: no test, and never the best; the reference is tested against even so.
        unmarked: measures of which neither the largest nor the smallest mean is the best.
        titles: measure to how it is headed.
        lower_is_better: measures whose smallest mean is the best.
        unit: what spread and tests are over: "subject" or "slice".
        title: of the table.
        percent: whether shares are shown in percent.

    Returns:
        The table; its `numbers` hold one row a group, measure and method, never in percent: `n`, `mean`, `sd`, and of
        the test what `against_reference` returns.

    Raises:
        UserError: a column is missing, the table is empty, the reference is no row, or the unit is neither.
    """
    check_unit(unit)
    missing = [name for name in [*([by] if by else []), row, *measures] if name not in cases.columns]
    if missing or cases.empty:
        raise UserError(f"table must have rows with {missing[0] if missing else row}", hint="evaluate first")
    names = list(cases[row].unique())
    aside = [name for name in names if name in unranked and name != reference]
    if reference is not None and reference not in names:
        raise UserError(f"reference must be one of {', '.join(map(str, names))}", got=reference)
    head, columns, numbers = [Head(row)], [], []
    for group, part in cases.groupby(by, sort=False) if by else [("", cases)]:
        for measure in measures:
            found = _numbers(part, measure, row, reference, apart, aside, unit).reindex(names)
            lower, marked = measure in lower_is_better, measure not in unmarked
            cells = method_cells(found, reference, lower=lower, percent=percent, marked=marked, unranked=unranked)
            columns.append(cells)
            numbers.append(found.rename_axis(row).reset_index().assign(**{by or "group": group, "measure": measure}))
            head.append(Head(_heading(measure, titles or {}, percent), str(group)))
    table = pd.concat(numbers, ignore_index=True)
    first = [by, "measure", row] if by else ["measure", row]
    rows = [(Cell(str(name)), *cells) for name, *cells in zip(names, *columns, strict=True)]
    smallest = [_heading(m, titles or {}, percent=False) for m in measures if m in lower_is_better]
    own = [name for name in names if name in apart]
    note = _note(table, [cell for cells in columns for cell in cells], reference, own, unit, smallest)
    shown = [*first, "n", "mean", "sd", *(TESTED if reference is not None else ())]
    return Table(title, note, tuple(head), tuple(rows), table[shown])


def _numbers(
    part: pd.DataFrame,
    measure: str,
    row: str,
    reference: str | None,
    apart: Collection[str],
    aside: Collection[str],
    unit: str,
) -> pd.DataFrame:
    """Return what is known of each method in one column of the table, a row a method."""
    values = by_unit(part, measure, unit, method=row)
    finite = values.where(np.isfinite(values))
    found = pd.DataFrame({"n": values.notna().sum(), "mean": finite.mean(), "sd": finite.std(ddof=1)})
    found["mean"] = found["mean"].fillna(values.max())  # infinite where all are
    if reference is not None and reference in values.columns:
        tests = _tests(values.drop(columns=aside, errors="ignore"), reference, apart, unit).set_index(METHOD)
        found = found.join(tests.rename(columns={"n": "pairs"}).drop(columns=["reference", "mean"]))
    return found.reindex(columns=["n", "mean", "sd", *TESTED])


def _tests(values: pd.DataFrame, reference: str, apart: Collection[str], unit: str) -> pd.DataFrame:
    """Test every method against the reference, in one family or two."""
    others = [name for name in values.columns if name not in apart or name == reference]
    own = [name for name in values.columns if name in apart or name == reference]
    families = [names for names in (others, own) if len(names) > 1]
    tests = [against_reference(values[names], reference, unit=unit, alpha=ALPHA) for names in families or [others]]
    return pd.concat(tests, ignore_index=True)


def _heading(measure: str, titles: Mapping[str, str], percent: bool) -> str:
    text = titles.get(measure, measure)
    return f"{text} (%)" if percent and "%" not in text else text


def _note(
    table: pd.DataFrame,
    cells: Collection[Cell],
    reference: str | None,
    apart: Sequence[str],
    unit: str,
    lower: Sequence[str],
) -> str:
    """Say what the numbers are, with what is in the cells."""
    counts = table["n"][table["n"] > 0]
    least, most = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    count = f"{most}" if least == most else f"{least} to {most}"
    parts = [f"Mean ± standard deviation over {count} {unit}{'' if most == 1 else 's'}."]
    if unit == SUBJECT:
        parts.append("What is measured on one subject is averaged first.")
    if any(cell.best for cell in cells):
        parts.append(
            "The best mean of a column, to the digits shown, is marked"
            + (f"; lower is better: {', '.join(lower)}." if lower else ".")
        )
    tests = {cell.test for cell in cells} - {"", REFERENCE}
    if tests:
        parts.append(
            f"p: two-sided Wilcoxon signed-rank test against {reference}, paired by {unit}, after Holm's correction "
            "over the tests of a column"
            + (f"; {' and '.join(apart)}: a family of its own, corrected by itself." if apart else ".")
        )
    if TOO_SMALL in tests:
        parts.append(f"{TOO_SMALL}: with so few {unit}s no data could reach p {ALPHA:g} after the correction.")
    if SAME in tests:
        parts.append(f"{SAME}: the same number for every {unit} as the reference.")
    if unit == SLICE:
        parts.append(f"{SLICE_LEVEL[0].upper()}{SLICE_LEVEL[1:]}.")
    return " ".join(parts)
