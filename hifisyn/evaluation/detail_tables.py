"""The tables that stand behind image quality: structure and sharpness, lesions, confidence, each where it is known.

They describe and are not tested, so that the tests of image quality stay as many as they are. What is right when it
is as in truth, such as sharpness, bears no mark of the best; the true scan is a row of its own beside.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from hifisyn.columns import CASE, DIRECTION, SUBJECT
from hifisyn.evaluation.case_measures import OF_TRUTH, TRUE
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.evaluation.detail_measures import DETAILS, Best, Detail
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.table import Table

TRUE_SCAN = "true scan"
WHERE = "Slices that count, intensities in [-1, 1], range 2, inside the brain mask; not tested."


def detail_tables(cases: pd.DataFrame, row: str, *, by: str = "", title: str = "") -> Iterator[tuple[Detail, Table]]:
    """Yield the tables for which there are numbers.

    Args:
        cases: one row a case and method: direction, case, subject and `CASE_MEASURES`; what was measured by an earlier
            version lacks the latter and has no tables.
        row: column whose values become the rows.
        by: column whose values become groups of columns; "" for none.
        title: what the cases are, put behind the title of each table.
    """
    for detail in DETAILS:
        known = [one for one in detail.measures if one.column in cases and cases[one.column].notna().any()]
        if known:
            columns = [one.column for one in known]
            shown = cases[cases[columns].notna().any(axis=1)]
            ceilings = ceiling_rows(shown[row])
            table = compare_methods(
                pd.concat([shown, *_true_rows(shown, row, by, columns)], ignore_index=True),
                measures=columns,
                by=by,
                row=row,
                unranked=ceilings,
                unmarked=[one.column for one in known if one.best is Best.AS_IN_TRUTH],
                titles={one.column: one.title for one in known},
                lower_is_better=[one.column for one in known if one.best is Best.LOWEST],
                title=f"{detail.title}, {title}" if title else detail.title,
            )
            lines = tuple(one.line() for one in known)
            table = replace(table.noted(f"{WHERE} {detail.note}"), lines=lines)
            yield detail, with_ceilings_explained(table, ceilings)


def _true_rows(cases: pd.DataFrame, row: str, by: str, columns: Sequence[str]) -> list[pd.DataFrame]:
    """Return a row a case with what was measured on the true scan; none where nothing was."""
    known = [name for name in columns if name in OF_TRUTH]
    keys = list(dict.fromkeys(key for key in (by, DIRECTION, CASE, SUBJECT) if key in cases))
    once = cases.drop_duplicates(keys)
    numbers = {name: once[name + TRUE] for name in known}
    return [once[keys].assign(**{row: TRUE_SCAN}, **numbers)] if known else []
