"""Kruskal and Wallis' test, against its closed form, every order of few ranks, and its own level."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from hifisyn.statistics.kruskal_wallis import kruskal_wallis, largest_statistic, verdicts
from hifisyn.statistics.verdict import VerdictKind


def by_hand(groups):
    """H of groups of distinct numbers."""
    ranks = stats.rankdata(np.concatenate(groups))
    parts = np.split(ranks, np.cumsum([len(group) for group in groups])[:-1])
    n = len(ranks)
    return 12 / (n * (n + 1)) * sum(part.sum() ** 2 / len(part) for part in parts) - 3 * (n + 1)


def test_the_statistic_is_the_closed_form():
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=size) for size in (6, 7, 5)]
    test = kruskal_wallis(dict(zip("abc", groups, strict=True)))
    assert test.statistic == pytest.approx(by_hand(groups))
    assert test.p == pytest.approx(stats.chi2.sf(by_hand(groups), 2))
    assert test.sizes == {"a": 6, "b": 7, "c": 5}


@pytest.mark.parametrize("sizes", [(2, 2), (1, 3), (2, 2, 2), (1, 2, 4), (3, 1, 2)])
def test_the_largest_statistic_is_that_of_the_best_of_all_orders(sizes):
    orders = permutations(range(sum(sizes)))
    cuts = np.cumsum(sizes)[:-1]
    assert largest_statistic(sizes) == pytest.approx(max(by_hand(np.split(np.array(o), cuts)) for o in orders))


@pytest.mark.parametrize("sizes", [(3, 3), (2, 2, 3), (1, 2, 4)])
def test_p_of_few_subjects_is_the_share_of_all_orders_that_differ_as_much(sizes):
    cuts = np.cumsum(sizes)[:-1]
    values = np.random.default_rng(sum(sizes)).normal(size=sum(sizes))
    groups = np.split(values, cuts)
    seen = [by_hand(np.split(np.array(order), cuts)) for order in permutations(range(sum(sizes)))]
    test = kruskal_wallis(dict(zip("abc", groups, strict=False)))
    assert test.p == pytest.approx(np.mean(np.array(seen) >= by_hand(groups) - 1e-9))
    assert test.least_p == pytest.approx(np.mean(np.array(seen) >= max(seen) - 1e-9))


def test_p_of_many_ways_is_close_to_that_of_all():
    rng = np.random.default_rng(3)
    values = rng.normal(size=14)
    groups = {"a": values[:4], "b": values[4:9] + 1, "c": values[9:] + 2}  # 252,252 ways, of which 9,999 are drawn
    test = kruskal_wallis(groups)
    ranks = stats.rankdata(np.concatenate(list(groups.values())))
    draws = [by_hand(np.split(rng.permutation(ranks), [4, 9])) for _ in range(4000)]
    assert 0.01 < test.p < 0.5
    assert test.p == pytest.approx(np.mean(np.array(draws) >= test.statistic - 1e-9), abs=0.03)
    assert kruskal_wallis(groups).p == test.p


def test_three_against_three_cannot_reach_significance_though_chi_square_says_so():
    test = kruskal_wallis({"a": [1, 2, 3], "b": [4, 5, 6]})
    assert stats.chi2.sf(test.statistic, 1) < 0.05
    assert test.p == pytest.approx(0.1)
    assert verdicts([test])[0].kind is VerdictKind.OUT_OF_REACH


def test_equal_groups_are_found_different_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    p = [
        kruskal_wallis({"a": rng.normal(size=8), "b": rng.normal(size=8), "c": rng.normal(size=8)}).p
        for _ in range(600)
    ]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.025)


def test_missing_numbers_and_empty_groups_are_left_out():
    test = kruskal_wallis({"a": [1, 2, np.nan], "b": [3, 4], "c": [np.nan]})
    assert test.sizes == {"a": 2, "b": 2}
    assert np.isnan(kruskal_wallis({"a": [1, 2], "b": [np.nan]}).p)


def test_verdicts_say_what_can_be_said():
    apart, alike = {"a": range(8), "b": range(10, 18)}, {"a": [1, 4, 5, 8, 9, 12], "b": [2, 3, 6, 7, 10, 11]}
    tests = [kruskal_wallis(groups) for groups in (apart, alike, {"a": [1, 2]}, {"a": [3, 3], "b": [3, 3]})]
    kinds = [verdict.kind for verdict in verdicts(tests)]
    assert kinds == [VerdictKind.DIFFERENT, VerdictKind.NOT_SHOWN, VerdictKind.UNTESTED, VerdictKind.EQUAL]
    few = verdicts([kruskal_wallis({"a": [1, 2], "b": [3, 4], "c": [5, 6]})])[0]
    assert str(few) == "cannot reach significance: with 6 subjects in 3 groups p is at least 0.067"


def test_the_correction_is_over_all_tests_of_the_family():
    tests = [kruskal_wallis({"a": range(4), "b": range(10, 14)})] * 3
    assert verdicts(tests[:1])[0].kind is VerdictKind.DIFFERENT
    assert verdicts(tests)[0].p_holm == pytest.approx(3 * tests[0].p)
    assert verdicts(tests)[0].kind is VerdictKind.OUT_OF_REACH
