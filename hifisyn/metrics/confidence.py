"""Whether the error that a method expects is the error that it makes.

`error` and `expected` are (N,): the absolute error of each pixel, and what the method said of it before.
"""

import numpy as np
from scipy.stats import spearmanr

BINS = 10


def error_over_expected(error: np.ndarray, expected: np.ndarray) -> float:
    """Return the mean error over the mean that was expected: above 1, the method trusts itself too much.

    >>> error_over_expected(np.array([0.1, 0.3]), np.array([0.05, 0.05]))
    4.0
    """
    return float(np.mean(error, dtype=np.float64) / np.mean(expected, dtype=np.float64)) if error.size else np.nan


def reliability(error: np.ndarray, expected: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return `error_over_expected` in bins of as many pixels, from the least error expected to the most, (bins,).

    A reliability diagram in numbers: all 1 where every expectation is kept.
    """
    order = np.array_split(np.argsort(expected, kind="stable"), bins)
    return np.array([error_over_expected(error[chosen], expected[chosen]) for chosen in order])


def reliability_error(ratios: np.ndarray) -> float:
    """Return the mean distance of `reliability` from 1: expected normalised calibration error, of absolute errors.

    After Levi et al. (Sensors 22, 5540, 2022); 0 is best.
    """
    return float(np.mean(np.abs(ratios - 1)))


def area_under_sparsification_error(error: np.ndarray, expected: np.ndarray) -> float:
    """Return the area under the sparsification error curve (AUSE; Ilg et al., ECCV 2018).

    Pixels are left out one after the other, that of the most expected error first, and the mean error of the rest is
    drawn against the share that was left out, over that of all. The area lies between this curve and the one of an
    oracle, which leaves out by the error itself.

    Returns:
        0 is best; 0.5 where errors are spread evenly from 0 up and the expectation knows nothing of them; NaN where
        there is no error.

    >>> error = np.array([0.1, 0.2, 0.3, 0.4])
    >>> area_under_sparsification_error(error, 7 * error)
    0.0
    """
    total = error.sum(dtype=np.float64)
    if not total > 0:
        return float("nan")
    # Of equal expectations no order is better: each has the mean error of all that are equal.
    place = np.unique(expected, return_inverse=True)[1]
    known = np.bincount(place, weights=error) / np.bincount(place)
    by_expectation = known[place[np.argsort(expected, kind="stable")]]
    kept = np.arange(1, error.size + 1)
    curves = [np.cumsum(order, dtype=np.float64) / kept for order in (by_expectation, np.sort(error))]
    return float((curves[0] - curves[1]).mean() / (total / error.size))


def rank_correlation(error: np.ndarray, expected: np.ndarray) -> float:
    """Return Spearman's correlation of both; NaN where one is constant."""
    if error.size < 2 or np.ptp(error) == 0 or np.ptp(expected) == 0:
        return float("nan")
    return float(spearmanr(error, expected).statistic)
