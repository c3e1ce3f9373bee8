"""Kruskal and Wallis' test: does a measure differ between groups of subjects, such as sites (JASA 47, 1952).

With few subjects in a group the chi-square approximation promises too much: of three against three it gives p 0.0495
where the exact p is 0.1. There p comes from the permutations themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial, prod

import numpy as np
import pandas as pd

from hifisyn.statistics.holm import holm
from hifisyn.statistics.signed_rank import DECIMALS
from hifisyn.statistics.verdict import GroupsVerdict, VerdictKind

FEWEST_GROUPS = 2
FEW_SUBJECTS, PERMUTATIONS = 5, 9_999  # a group of fewer is permuted; all ways, or so many
TOLERANCE = 1e-12  # of sums in another order


@dataclass(frozen=True)
class KruskalWallis:
    """The outcome of a test.

    Attributes:
        sizes: group to the number of subjects with a number; groups without are left out.
        statistic: H, corrected for ties; NaN where there is no test.
        p: of H: exact or by permutations where a group has fewer than five subjects, by the chi-square approximation
            elsewhere; NaN where there is no test.
        least_p: the smallest p that groups of these sizes can give: no ranks of two groups interleave.
        equal: whether all numbers are the same.
    """

    sizes: Mapping[str, int]
    statistic: float
    p: float
    least_p: float
    equal: bool = False


def kruskal_wallis(groups: Mapping[str, Sequence[float] | np.ndarray | pd.Series]) -> KruskalWallis:
    """Test whether groups differ in rank.

    Args:
        groups: name to one number a subject; NaN is left out, infinite values are ranked like others.

    >>> test = kruskal_wallis({"a": [1, 2, 3], "b": [4, 5, 6], "c": [7, 8, 9]})
    >>> round(test.statistic, 2), round(test.p, 4), round(test.least_p, 4)
    (7.2, 0.0036, 0.0036)
    """
    from scipy.stats import chi2, kruskal

    arrays = {name: np.asarray(values, dtype=np.float64).round(DECIMALS) for name, values in groups.items()}
    known = {name: values[~np.isnan(values)] for name, values in arrays.items()}
    known = {name: values for name, values in known.items() if len(values)}
    sizes = {name: len(values) for name, values in known.items()}
    if len(known) < FEWEST_GROUPS:
        return KruskalWallis(sizes, float("nan"), float("nan"), float("nan"))
    few = min(sizes.values()) < FEW_SUBJECTS
    counts = list(sizes.values())
    least_p = _least_p(counts) if few else float(chi2.sf(largest_statistic(counts), len(counts) - 1))
    if len(np.unique(np.concatenate(list(known.values())))) == 1:
        return KruskalWallis(sizes, 0.0, 1.0, least_p, equal=True)
    test = kruskal(*known.values())
    p = _permuted_p(list(known.values())) if few else float(test.pvalue)
    return KruskalWallis(sizes, float(test.statistic), p, least_p)


def largest_statistic(sizes: Sequence[int]) -> float:
    """Return the largest H without ties: each group holds neighbouring ranks, in whichever order.

    >>> largest_statistic([3, 3, 3])
    7.2
    """
    total = sum(sizes)
    within = sum(size * (size**2 - 1) for size in sizes)
    return (total - 1) * (1 - within / (total * (total**2 - 1)))


def _permuted_p(groups: Sequence[np.ndarray]) -> float:
    """Return the share of the ways to share out the ranks that give as large a H: of all, or of many, seeded."""
    from scipy.stats import rankdata

    ranks, sizes = rankdata(np.concatenate(groups)), [len(group) for group in groups]
    there = _grown(ranks[None], sizes)[0] * (1 - TOLERANCE)
    if _ways(sizes) <= PERMUTATIONS:
        return float(np.mean(np.array(list(_all_ways(list(ranks), sizes))) >= there))
    drawn = np.random.default_rng(0).permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)
    return float(((_grown(drawn, sizes) >= there).sum() + 1) / (PERMUTATIONS + 1))


def _grown(ranks: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return the sum over groups of squared rank sums by size, which grows with H, of each row of (N, subjects)."""
    parts = np.split(ranks, np.cumsum(sizes)[:-1], axis=1)
    grown: np.ndarray = np.sum([part.sum(axis=1) ** 2 / part.shape[1] for part in parts], axis=0)
    return grown


def _all_ways(ranks: list[float], sizes: Sequence[int]) -> Iterator[float]:
    """Yield what `_grown` returns for each way to share out the ranks among the groups."""
    size, *others = sizes
    for chosen in combinations(range(len(ranks)), size):
        own = sum(ranks[place] for place in chosen) ** 2 / size
        left = [rank for place, rank in enumerate(ranks) if place not in chosen]
        yield from (own + rest for rest in _all_ways(left, others)) if others else [own]


def _ways(sizes: Sequence[int]) -> int:
    return factorial(sum(sizes)) // prod(map(factorial, sizes))


def _least_p(sizes: Sequence[int]) -> float:
    """Return the smallest p of permutations: groups that hold neighbouring ranks, in whichever order, among all."""
    ways = _ways(sizes)
    return factorial(len(sizes)) / ways if ways <= PERMUTATIONS else 1 / (PERMUTATIONS + 1)


def verdicts(tests: Sequence[KruskalWallis], *, alpha: float = 0.05) -> list[GroupsVerdict]:
    """Return the verdict of each test of one family, after Holm's correction over it."""
    corrected, least = holm([test.p for test in tests]), holm([test.least_p for test in tests])
    return [
        GroupsVerdict(
            _kind(test, p, least_p, alpha), len(test.sizes), sum(test.sizes.values()), float(p), float(least_p)
        )
        for test, p, least_p in zip(tests, corrected, least, strict=True)
    ]


def _kind(test: KruskalWallis, p: float, least_p: float, alpha: float) -> VerdictKind:
    if np.isnan(test.p):
        return VerdictKind.UNTESTED
    if test.equal:
        return VerdictKind.EQUAL
    if least_p > alpha:
        return VerdictKind.OUT_OF_REACH
    return VerdictKind.DIFFERENT if p <= alpha else VerdictKind.NOT_SHOWN
