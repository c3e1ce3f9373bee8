"""Agreement against hand computation, closed forms and scipy."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata, spearmanr

from hifisyn.statistics.agreement import kendall_w, rank_correlation, same_order


def test_w_is_1_where_all_agree_and_0_where_two_are_opposed():
    assert kendall_w(np.array([[1, 2, 3, 4]] * 5)) == pytest.approx(1)
    assert kendall_w(np.array([[1, 2, 3], [3, 2, 1]])) == pytest.approx(0)


def test_w_is_1_with_the_same_ties_in_all():
    # Rank sums 4.5, 4.5, 9: S = 13.5. Without the correction W would be 12 * 13.5 / (9 * 24) = 0.75.
    assert kendall_w(np.array([[1.5, 1.5, 3]] * 3)) == pytest.approx(1)


def test_w_by_hand():
    # The last reader ties all three: T = 3^3 - 3 = 24. Rank sums 4, 7, 7 with mean 6: S = 4 + 1 + 1 = 6.
    # W = 12 * 6 / (3^2 * (3^3 - 3) - 3 * 24) = 72 / 144.
    assert kendall_w(np.array([[1, 3, 2], [1, 2, 3], [2, 2, 2]])) == pytest.approx(0.5)


def test_w_is_friedman_s_statistic_scaled():
    rng = np.random.default_rng(3)
    rankings = rankdata(rng.integers(0, 4, size=(6, 5)), axis=1)
    chi_square = friedmanchisquare(*rankings.T).statistic
    assert kendall_w(rankings) == pytest.approx(chi_square / (6 * (5 - 1)))


def test_w_of_one_reader_or_of_ties_alone_is_none():
    assert np.isnan(kendall_w(np.array([[1.0, 2, 3]])))
    assert np.isnan(kendall_w(np.full((4, 3), 2.0)))


def test_correlation_within_one_view_is_spearman_s():
    rng = np.random.default_rng(4)
    a, b = rankdata(rng.integers(0, 5, 8)), rankdata(rng.integers(0, 5, 8))
    assert rank_correlation([a], [b]) == pytest.approx(spearmanr(a, b).statistic)


def test_views_are_pooled():
    same, opposed = np.array([1.0, 2, 3]), np.array([3.0, 2, 1])
    assert rank_correlation([same, same], [same, same]) == pytest.approx(1)
    assert rank_correlation([same, same], [same, opposed]) == pytest.approx(0)
    assert np.isnan(rank_correlation([], []))


def test_share_of_pairs_in_the_same_order():
    a, b = np.array([1.0, 2.5, 2.5, 4]), np.array([1.0, 2, 3, 4])
    assert same_order([a], [b]) == pytest.approx(5 / 6)
    assert same_order([a], [a]) == 1
    assert np.isnan(same_order([], []))
