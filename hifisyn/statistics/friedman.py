"""Friedman's test over many methods, and Nemenyi's post-hoc test of every pair of them (Demsar 2006)."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from hifisyn.statistics.signed_rank import DECIMALS
from hifisyn.statistics.verdict import FEWEST_METHODS, FriedmanVerdict, VerdictKind


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
        verdict: what the test says.
    """

    n: int
    k: int
    statistic: float
    p: float
    mean_ranks: pd.Series
    critical_difference: float
    posthoc: pd.DataFrame
    verdict: FriedmanVerdict


def friedman(values: pd.DataFrame, *, alpha: float = 0.05, higher_is_better: bool = True) -> Friedman:
    """Rank the methods within every row, and test whether their mean ranks differ.

    Args:
        values: one row a subject (or reader), one column a method. Rows with NaN are left out; infinite values are
            ranked like others.
        alpha: level of the tests.
        higher_is_better: whether the largest value gets rank 1; False for errors, and for ranks of readers.
    """
    from scipy.stats import rankdata

    whole = values.dropna()
    n, k = whole.shape
    signed = whole.to_numpy(dtype=np.float64).round(DECIMALS) * (-1 if higher_is_better else 1)
    ranks = rankdata(signed, axis=1) if n and k else np.empty((n, k))
    mean_ranks = pd.Series(ranks.mean(axis=0) if n else np.full(k, np.nan), index=values.columns, name="mean_rank")
    difference, posthoc = _nemenyi(mean_ranks, n, alpha)
    statistic, p, kind = _test(ranks, alpha)
    verdict = FriedmanVerdict(
        kind=kind,
        n=n,
        k=k,
        least_p=_least_p(n, k),
        apart=int((posthoc["p"] <= alpha).sum()),
        pairs=len(posthoc),
        critical_difference=difference,
        lost=len(values) - n,
    )
    return Friedman(n, k, statistic, p, mean_ranks, difference, posthoc, verdict)


def _test(ranks: np.ndarray, alpha: float) -> tuple[float, float, VerdictKind]:
    """Return chi-square, p and the verdict of ranks (n, k)."""
    from scipy.stats import friedmanchisquare

    n, k = ranks.shape
    if n == 0 or k < FEWEST_METHODS:
        return float("nan"), float("nan"), VerdictKind.UNTESTED
    if (ranks == ranks[:, :1]).all():
        return 0.0, 1.0, VerdictKind.EQUAL
    test = friedmanchisquare(*ranks.T)
    p = float(test.pvalue)
    if _least_p(n, k) > alpha:
        kind = VerdictKind.OUT_OF_REACH
    else:
        kind = VerdictKind.DIFFERENT if p <= alpha else VerdictKind.NOT_SHOWN
    return float(test.statistic), p, kind


def _least_p(n: int, k: int) -> float:
    """Return the smallest p of n rows and k methods: every row ranks them alike."""
    from scipy.stats import chi2

    return float(chi2.sf(n * (k - 1), k - 1)) if n and k > 1 else float("nan")


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
