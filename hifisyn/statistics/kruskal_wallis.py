"""Kruskal and Wallis' test: does a measure differ between groups of subjects, such as sites (JASA 47, 1952)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hifisyn.statistics.holm import holm
from hifisyn.statistics.signed_rank import DECIMALS
from hifisyn.statistics.verdict import GroupsVerdict, VerdictKind

FEWEST_GROUPS = 2


@dataclass(frozen=True)
class KruskalWallis:
    """The outcome of a test.

    Attributes:
        sizes: group to the number of subjects with a number; groups without are left out.
        statistic: H, corrected for ties; NaN where there is no test.
        p: of H by the chi-square approximation, which is rough below five subjects a group; NaN where there is no test.
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
    (7.2, 0.0273, 0.0273)
    """
    from scipy.stats import chi2, kruskal

    arrays = {name: np.asarray(values, dtype=np.float64).round(DECIMALS) for name, values in groups.items()}
    known = {name: values[~np.isnan(values)] for name, values in arrays.items()}
    known = {name: values for name, values in known.items() if len(values)}
    sizes = {name: len(values) for name, values in known.items()}
    if len(known) < FEWEST_GROUPS:
        return KruskalWallis(sizes, float("nan"), float("nan"), float("nan"))
    least_p = float(chi2.sf(largest_statistic(list(sizes.values())), len(sizes) - 1))
    if len(np.unique(np.concatenate(list(known.values())))) == 1:
        return KruskalWallis(sizes, 0.0, 1.0, least_p, equal=True)
    test = kruskal(*known.values())
    return KruskalWallis(sizes, float(test.statistic), float(test.pvalue), least_p)


def largest_statistic(sizes: Sequence[int]) -> float:
    """Return the largest H without ties: each group holds neighbouring ranks, in whichever order.

    >>> largest_statistic([3, 3, 3])
    7.2
    """
    total = sum(sizes)
    within = sum(size * (size**2 - 1) for size in sizes)
    return (total - 1) * (1 - within / (total * (total**2 - 1)))


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
