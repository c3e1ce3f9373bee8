"""Does a method differ from a reference, and by how much: paired tests, corrected, with intervals and effect sizes.

The unit is the subject: slices of one subject are alike, and to count each as a witness makes p-values far too small.
With few subjects a test cannot reach significance, whatever the data; the verdict then says so.

Differs from the paper: it tests slices; here that is an option, and every verdict of it is labelled.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.errors import UserError
from hifisyn.metrics.image import finite_mean
from hifisyn.statistics.friedman import Friedman, friedman
from hifisyn.statistics.signed_rank import signed_rank

__all__ = [
    "SLICE_LEVEL",
    "Friedman",
    "against_reference",
    "by_slice",
    "by_subject",
    "friedman",
    "holm",
    "interval",
    "p_text",
]

SUBJECT, CASE, SLICE = "subject", "case", "slice"
CANNOT, EQUAL = "cannot reach significance", "no difference: equal"
SLICE_LEVEL = "slice-level, as the paper; slices of a subject are not independent"
FOUND = ("n", "reference", "mean", "difference", "low", "high", "effect", "p", "least_p", "differ", "lost", "infinite")
COLUMNS = ("method", *FOUND[:8], "p_holm", "least_p", "verdict")
FEWEST = 3  # values that an interval takes
MOST_DRAWN = 1_000_000  # numbers that the bootstrap holds at once


def against_reference(
    values: pd.DataFrame,
    reference: str,
    *,
    unit: str = SUBJECT,
    alpha: float = 0.05,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every method with one, pair by pair: Wilcoxon's signed-rank test, Holm's correction over the methods.

    Args:
        values: one row a subject (or slice), one column a method; NaN where there is no number. Pairs with NaN are
            left out. Infinite values (PSNR of equal images) count in the test, by rank, and in no mean.
        reference: column to compare with.
        unit: what a row is: "subject" or "slice".
        alpha: level that p after correction must reach.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One row a method but the reference: `method`, `n` pairs, `reference` and `mean` over the pairs, `difference`
        (mean of method - reference), `low` and `high` (its 95 % BCa bootstrap interval), `effect` (matched-pairs
        rank-biserial correlation, positive where the method is larger), `p` (two-sided), `p_holm`, `least_p` (smallest
        p of the pairs that differ) and `verdict` in words, which begins with "differs", "no difference", "cannot reach
        significance" or "no pair".

    Raises:
        UserError: the reference is no column, or the unit is neither.
    """
    if reference not in values.columns:
        raise UserError(f"reference: wanted one of {', '.join(map(str, values.columns))}, found {reference}; name one")
    if unit not in (SUBJECT, SLICE):
        raise UserError(f"unit: wanted {SUBJECT} or {SLICE}, found {unit}; choose one")
    methods = [method for method in values.columns if method != reference]
    table = pd.DataFrame(
        [_pairs(values[method], values[reference], resamples, seed) for method in methods], columns=FOUND
    )
    table["p_holm"] = holm(table["p"])
    table["verdict"] = _verdicts(table, unit, alpha)
    table["method"] = methods
    return table[list(COLUMNS)]


def interval(
    values: Sequence[float] | np.ndarray | pd.Series,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval of a mean.

    The order of the values does not matter. Values that are not finite are left out; (NaN, NaN) for fewer than
    three, and the value itself twice where all are equal.
    """
    from scipy.stats import bootstrap

    finite = np.asarray(values, dtype=np.float64)
    finite = np.sort(finite[np.isfinite(finite)])
    if len(finite) < FEWEST:
        return float("nan"), float("nan")
    if finite[0] == finite[-1]:
        return float(finite[0]), float(finite[0])
    found = bootstrap(
        (finite,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, MOST_DRAWN // len(finite)),
        confidence_level=confidence,
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def holm(p: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """Return Holm's corrected p-values, (N,) in [0, 1]; NaN stays NaN and counts as no test."""
    p = np.asarray(p, dtype=np.float64)
    corrected = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        corrected[tested] = _holm(tuple(p[tested]))
    return corrected


@lru_cache(maxsize=256)  # each call collects all garbage of the process, and the least p-values of columns are the same
def _holm(p: tuple[float, ...]) -> np.ndarray:
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(p, method="holm")[1])


def by_subject(cases: pd.DataFrame, measure: str, *, method: str = "method") -> pd.DataFrame:
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


def by_slice(slices: pd.DataFrame, measure: str, *, method: str = "method") -> pd.DataFrame:
    """Turn a long table of slices into slices x methods; the index is `case` and `slice`.

    Raises:
        UserError: a column is missing.
    """
    return _wide(slices, [CASE, SLICE], measure, method)


def p_text(p: float) -> str:
    """Return a p-value for a table: two significant digits, never 0; "no test" for NaN."""
    if np.isnan(p):
        return "no test"
    return "p < 0.001" if p < 0.001 else f"p {p:.2g}"


def _mean(table: pd.DataFrame, keys: Sequence[str], measure: str) -> pd.DataFrame:
    """Average a measure over the rows with the same keys.

    Raises:
        UserError: a column is missing.
    """
    missing = [name for name in (*keys, measure) if name not in table.columns]
    if missing:
        raise UserError(
            f"table: wanted a column {missing[0]}, found {', '.join(map(str, table.columns))}; evaluate anew"
        )
    keyed = table.set_index(list(keys))[measure].astype(np.float64)
    levels = list(range(len(keys)))
    means = keyed.where(np.isfinite(keyed)).groupby(level=levels, sort=False).mean()
    return means.fillna(keyed.groupby(level=levels, sort=False).max()).reset_index()


def _wide(table: pd.DataFrame, index: Sequence[str], measure: str, method: str) -> pd.DataFrame:
    """Return one row a value of `index` and one column a method, both in the order they come in."""
    means = _mean(table, [*index, method], measure).set_index([*index, method])[measure]
    wide = means.unstack(method)
    return wide.reindex(index=means.index.droplevel(method).unique(), columns=table[method].unique())


def _pairs(method: pd.Series, reference: pd.Series, resamples: int, seed: int) -> dict[str, Any]:
    """Return the numbers of one method against the reference, still without correction."""
    both = pd.DataFrame({"method": method, "reference": reference}, dtype=np.float64).dropna()
    a, b = both["method"].to_numpy(), both["reference"].to_numpy()
    differences = np.subtract(a, b, out=np.zeros(len(a)), where=a != b)  # two infinite values are equal
    counted = np.isfinite(a) & np.isfinite(b)
    test = signed_rank(differences)
    low, high = interval(differences[counted], resamples=resamples, seed=seed)
    return {
        "n": len(both),
        "reference": finite_mean(b[counted]),
        "mean": finite_mean(a[counted]),
        "difference": finite_mean(differences[counted]),
        "low": low,
        "high": high,
        "effect": test.effect if len(both) else float("nan"),
        "p": test.p if len(both) else float("nan"),
        "least_p": test.least_p if len(both) else float("nan"),
        "differ": test.n,
        "lost": len(method) - len(both),
        "infinite": int((~counted).sum()),
    }


def _verdicts(table: pd.DataFrame, unit: str, alpha: float) -> list[str]:
    """Say what came out of each test.

    Holm's corrected p-values only fall where the p-values fall, so what the least p-values become under the
    correction is the least that each corrected p-value can be.
    """
    tests = int(table["p"].notna().sum())
    words = []
    for row, least in zip(table.to_dict("records"), holm(table["least_p"]), strict=True):
        text = _outcome(row, least, tests, unit, alpha)
        if row["lost"]:
            text += f"; {row['lost']} left out, where a number is missing"
        if row["infinite"]:
            text += f"; {row['infinite']} infinite: counted in the test, not in the means"
        words.append(text + (f" ({SLICE_LEVEL})" if unit == SLICE else ""))
    return words


def _outcome(row: dict[str, Any], least: float, tests: int, unit: str, alpha: float) -> str:
    n, differ = row["n"], row["differ"]
    if not n:
        return f"no pair: no {unit} has both numbers"
    if not differ:
        return f"{EQUAL} in {_count(n, unit)}"
    if least > alpha:
        several = f" and {tests} tests p after Holm" if tests > 1 else " p"
        that = " that differ" if differ < n else ""
        return f"{CANNOT}: with {_count(differ, unit)}{that}{several} is at least {least:.2g}"
    return "differs" if row["p_holm"] <= alpha else "no difference shown"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
