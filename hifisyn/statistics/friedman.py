"""Friedman's test over many methods, and Nemenyi's post-hoc test of every pair of them (Demsar 2006)."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from hifisyn.statistics.signed_rank import DECIMALS

FEWEST_METHODS = 3


@dataclass(frozen=True)
class Friedman:
    """The outcome of a test.

    Attributes:
        n: rows that have a number for every method.
        k: methods.
        statistic: chi-square with k - 1 degrees of freedom, corrected for ties; NaN where there is no test.
        p: of the statistic; NaN where there is no test.
        mean_ranks: method to its mean rank, 1 = best, ties share their average rank.
        critical_difference: of Nemenyi: mean ranks further apart than this differ; NaN without rows or methods.
        posthoc: one row a pair of methods: `a`, `b`, `p` of Nemenyi, already corrected for all pairs.
        verdict: in words; begins with "differ", "no difference", "cannot reach significance" or "no test".
    """

    n: int
    k: int
    statistic: float
    p: float
    mean_ranks: pd.Series
    critical_difference: float
    posthoc: pd.DataFrame
    verdict: str


def friedman(values: pd.DataFrame, *, alpha: float = 0.05, higher_is_better: bool = True) -> Friedman:
    """Rank the methods within every row, and test whether their mean ranks differ.

    Args:
        values: one row a subject (or reader), one column a method. Rows with NaN are left out; infinite values are
            ranked like others.
        alpha: level of the tests.
        higher_is_better: whether the largest value gets rank 1; False for errors, and for ranks of readers.
    """
    from scipy.stats import chi2, friedmanchisquare, rankdata

    whole = values.dropna()
    n, k = whole.shape
    signed = whole.to_numpy(dtype=np.float64).round(DECIMALS) * (-1 if higher_is_better else 1)
    ranks = rankdata(signed, axis=1) if n and k else np.empty((n, k))
    mean_ranks = pd.Series(ranks.mean(axis=0) if n else np.full(k, np.nan), index=values.columns, name="mean_rank")
    difference, posthoc = _nemenyi(mean_ranks, n, alpha)
    statistic = p = float("nan")
    if n == 0 or k < FEWEST_METHODS:
        verdict = f"no test: it takes {FEWEST_METHODS} methods, found {k}, and rows with a number for each, found {n}"
    elif (ranks == ranks[:, :1]).all():
        statistic, p, verdict = 0.0, 1.0, f"no difference: all methods rank equal in each of {_rows(n)}"
    else:
        found = friedmanchisquare(*ranks.T)
        statistic, p = float(found.statistic), float(found.pvalue)
        verdict = _verdict(n, k, p, float(chi2.sf(n * (k - 1), k - 1)), difference, posthoc, alpha)
    if len(whole) < len(values):
        verdict += f"; {len(values) - len(whole)} of {len(values)} rows left out, where a number is missing"
    return Friedman(n, k, statistic, p, mean_ranks, difference, posthoc, verdict)


def _nemenyi(mean_ranks: pd.Series, n: int, alpha: float) -> tuple[float, pd.DataFrame]:
    """Return the critical difference of mean ranks over n rows, and the p-value of every pair."""
    from scipy.stats import studentized_range

    k = len(mean_ranks)
    pairs = list(combinations(mean_ranks.index, 2))
    posthoc = pd.DataFrame(pairs, columns=["a", "b"]).assign(p=np.nan)
    if n == 0 or not pairs:
        return float("nan"), posthoc
    scale = np.sqrt(k * (k + 1) / (12 * n))  # standard error of a mean rank
    gaps = [abs(mean_ranks[a] - mean_ranks[b]) for a, b in pairs]
    posthoc["p"] = studentized_range.sf(np.array(gaps) / scale, k, np.inf)
    return float(studentized_range.ppf(1 - alpha, k, np.inf) * scale), posthoc


def _verdict(n: int, k: int, p: float, least: float, difference: float, posthoc: pd.DataFrame, alpha: float) -> str:
    if least > alpha:
        return f"cannot reach significance: with {_rows(n)} and {k} methods p is at least {least:.2g}"
    if p > alpha:
        return "no difference shown"
    apart = int((posthoc["p"] <= alpha).sum())
    words = f"differ; Nemenyi tells {apart} of {len(posthoc)} pairs apart"
    if difference > k - 1:
        words += f" (it cannot with {_rows(n)}: mean ranks must be {difference:.2g} apart, {k - 1} at most are)"
    return words


def _rows(n: int) -> str:
    return f"{n} row{'' if n == 1 else 's'}"
