"""How far readers agree: with each other (Kendall's W, rank correlation) and with themselves (repeated views).

Rankings are arrays of average ranks: 1 is best, tied images share the mean of the places they take.
"""

from collections.abc import Sequence

import numpy as np


def kendall_w(rankings: np.ndarray) -> float:
    """Return Kendall's coefficient of concordance with correction for ties (Kendall and Babington Smith 1939).

    W = 12 S / (m^2 (n^3 - n) - m sum_j T_j), where S is the sum of squared deviations of the images' rank sums
    from their mean and T_j = sum (t^3 - t) over the groups of t tied images of reader j.

    Args:
        rankings: (m, n) average ranks of m readers for n images.

    Returns:
        0 (no agreement) to 1 (the same ranking by all); by chance about 1 / m. NaN with fewer than two readers or
        images, or where every reader tied all images.
    """
    m, n = rankings.shape
    if m < 2 or n < 2:
        return float("nan")
    deviations = rankings.sum(axis=0) - m * (n + 1) / 2
    ties = sum(_ties(row) for row in rankings)
    most = m**2 * (n**3 - n) - m * ties
    return float(12 * (deviations**2).sum() / most) if most > 0 else float("nan")


def _ties(ranks: np.ndarray) -> int:
    sizes = np.unique(ranks, return_counts=True)[1].astype(int)
    return int((sizes**3 - sizes).sum())


def rank_correlation(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return Spearman's rho of two readers over several views: the correlation of their ranks within views, pooled.

    With one view it is Spearman's rho of that view. The mean rank of every view is the same, so that views do not
    differ in level and pooling them adds no agreement of its own.

    Args:
        a: (n,) average ranks of each view by the one.
        b: of the same views by the other.

    Returns:
        -1 to 1; NaN without views, or where one of both tied everything.
    """
    if not a:
        return float("nan")
    x, y = np.concatenate(a), np.concatenate(b)
    if x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def same_order(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float:
    """Return the share of pairs of images that both rankings put in the same order, or both tie.

    Args:
        a: (n,) ranks of each view, at the first showing.
        b: of the same views, at the second.

    Returns:
        0 to 1; NaN without views.
    """
    same = [_signs(one) == _signs(other) for one, other in zip(a, b, strict=True)]
    return float(np.concatenate(same).mean()) if same else float("nan")


def _signs(ranks: np.ndarray) -> np.ndarray:
    """Return for each pair of images -1, 0 or 1: which of both is the better."""
    i, j = np.triu_indices(len(ranks), 1)
    return np.asarray(np.sign(ranks[i] - ranks[j]))
