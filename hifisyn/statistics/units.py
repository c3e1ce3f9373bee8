"""The unit of a test, and tables with one row a unit and one column a method.

The unit is the subject: slices of one subject are alike, and to count each as a witness makes p-values far too small.

Differs from the paper: it tests slices; here that is an option, and every verdict of it is labelled.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, METHOD, SLICE, SUBJECT
from hifisyn.errors import UserError


def check_unit(unit: str) -> None:
    """Check what a test is over.

    Raises:
        UserError: it is neither the subject nor the slice.
    """
    if unit not in (SUBJECT, SLICE):
        raise UserError(f"unit must be {SUBJECT} or {SLICE}", got=unit)


def by_unit(table: pd.DataFrame, measure: str, unit: str, *, method: str = METHOD) -> pd.DataFrame:
    """Turn a long table into units x methods: `by_subject` or `by_slice`."""
    return (by_slice if unit == SLICE else by_subject)(table, measure, method=method)


def by_subject(cases: pd.DataFrame, measure: str, *, method: str = METHOD) -> pd.DataFrame:
    """Turn a long table into subjects x methods: slices averaged in their case, then cases in their subject.

    Infinite values are left out of a mean, unless all are infinite.

    Args:
        cases: one row a case or slice, columns `case`, `subject` (without it each case is one), `method` and the
            measure. Of one direction only: rows of one case and method are averaged.
        measure: column to average.
        method: column whose values become the columns, in the order they come in.

    Raises:
        UserError: a column is missing.
    """
    subject = SUBJECT if SUBJECT in cases.columns else CASE
    if CASE in cases.columns and subject != CASE:
        cases = _mean(cases, [subject, CASE, method], measure)
    return _wide(cases, [subject], measure, method)


def by_slice(slices: pd.DataFrame, measure: str, *, method: str = METHOD) -> pd.DataFrame:
    """Turn a long table of slices into slices x methods; the index is `case` and `slice`.

    Raises:
        UserError: a column is missing.
    """
    return _wide(slices, [CASE, SLICE], measure, method)


def _mean(table: pd.DataFrame, keys: Sequence[str], measure: str) -> pd.DataFrame:
    """Average a measure over the rows with the same keys.

    Raises:
        UserError: a column is missing.
    """
    missing = [name for name in (*keys, measure) if name not in table.columns]
    if missing:
        columns = ", ".join(map(str, table.columns))
        raise UserError(f"table must have a column {missing[0]}", got=columns, hint="evaluate again")
    keyed = table.set_index(list(keys))[measure].astype(np.float64)
    levels = list(range(len(keys)))
    means = keyed.where(np.isfinite(keyed)).groupby(level=levels, sort=False).mean()
    return means.fillna(keyed.groupby(level=levels, sort=False).max()).reset_index()


def _wide(table: pd.DataFrame, index: Sequence[str], measure: str, method: str) -> pd.DataFrame:
    """Return one row a value of `index` and one column a method, both in the order they come in."""
    means = _mean(table, [*index, method], measure).set_index([*index, method])[measure]
    wide = means.unstack(method)
    return wide.reindex(index=means.index.droplevel(method).unique(), columns=table[method].unique())
