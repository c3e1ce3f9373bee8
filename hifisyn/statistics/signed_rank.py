"""Wilcoxon's signed-rank test of paired differences, with the least p that so many pairs can give.

Ranks decide, so an infinite difference (PSNR of equal images) counts like any other large one. Zero differences are
dropped as Wilcoxon does; equal sizes share their average rank. Numbers that agree to 12 decimals are taken for equal.
"""

from dataclasses import dataclass

import numpy as np

DECIMALS = 12  # beyond them, sums in another order differ
MOST_EXACT = 50  # pairs; beyond, the normal approximation with its tie correction


@dataclass(frozen=True)
class SignedRank:
    """The outcome of a test.

    Attributes:
        n: pairs whose difference is not zero.
        p: two-sided; 1 where no pair differs.
        least_p: smallest p that n pairs can give: all differences of one sign.
        effect: matched-pairs rank-biserial correlation in [-1, 1]: the share of the sum of ranks that is positive less
            the share that is negative; 0 where no pair differs.
    """

    n: int
    p: float
    least_p: float
    effect: float


def signed_rank(differences: np.ndarray) -> SignedRank:
    """Test whether paired differences lie symmetrically around zero.

    The p-value is exact up to `MOST_EXACT` pairs, with ties too.

    Args:
        differences: (N,), no NaN; infinite ones may be among them.
    """
    from scipy.stats import rankdata, wilcoxon

    rounded = np.round(differences, DECIMALS)
    nonzero = rounded[rounded != 0]
    if not len(nonzero):
        return SignedRank(0, 1.0, 1.0, 0.0)
    ranks = rankdata(np.abs(nonzero))
    signed = np.sign(nonzero) * ranks
    if len(nonzero) > MOST_EXACT:
        p = wilcoxon(signed).pvalue
    elif len(np.unique(ranks)) < len(ranks):
        p = _exact_with_ties(signed)
    else:
        p = wilcoxon(signed, method="exact").pvalue
    return SignedRank(len(nonzero), float(p), least_p(len(nonzero)), float(signed.sum() / ranks.sum()))


def least_p(n: int) -> float:
    """Return the smallest two-sided exact p of n pairs that differ: 2 of the 2^n ways to set the signs."""
    return min(1.0, 2.0 ** (1 - n))


def _exact_with_ties(signed: np.ndarray) -> float:
    """Return the two-sided p among all 2^n signs; scipy's exact distribution knows distinct ranks only."""
    steps = np.rint(2 * np.abs(signed)).astype(int)  # average ranks are halves: doubled they are whole
    chance = np.zeros(steps.sum() + 1)  # of each sum of the positive ranks
    chance[0] = 1
    for step in steps:
        chance = (chance + np.roll(chance, step)) / 2  # what is rolled around the end is zero
    positive = int(steps[signed > 0].sum())
    return float(min(1.0, 2 * min(chance[: positive + 1].sum(), chance[positive:].sum())))
