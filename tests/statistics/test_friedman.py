"""Friedman's and Nemenyi's tests, against closed forms and published tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hifisyn.statistics.friedman import friedman
from hifisyn.statistics.verdict import VerdictKind
from tests.support.statistics_by_hand import methods_table


def test_friedman_is_the_closed_form_of_its_ranks():
    values = methods_table(8)
    found = friedman(values)
    ranks = (-values).rank(axis=1)
    n, k = values.shape
    wanted = 12 / (n * k * (k + 1)) * (ranks.sum() ** 2).sum() - 3 * n * (k + 1)
    assert (found.n, found.k) == (n, k)
    assert found.statistic == pytest.approx(wanted)
    assert found.p == pytest.approx(stats.chi2.sf(wanted, k - 1))
    pd.testing.assert_series_equal(found.mean_ranks, ranks.mean(), check_names=False)


def test_friedman_corrects_for_ties():
    values = pd.DataFrame([[1, 1, 2], [3, 1, 1], [1, 2, 2], [1, 2, 3], [2, 2, 3]], columns=list("ABC"))
    ranks = values.rank(axis=1)
    n, k = values.shape
    plain = 12 / (n * k * (k + 1)) * (ranks.sum() ** 2).sum() - 3 * n * (k + 1)
    ties = 4 * (2**3 - 2)  # four rows with one tied pair
    found = friedman(values, higher_is_better=False)
    assert found.statistic == pytest.approx(plain / (1 - ties / (n * k * (k**2 - 1))))
    assert list(found.mean_ranks) == pytest.approx(list(ranks.mean()))


def test_numbers_equal_but_for_rounding_tie_within_a_row():
    values = pd.DataFrame([[0.3, 0.1 + 0.2, 1.0]] * 4, columns=list("ABC"))
    assert list(friedman(values).mean_ranks) == [2.5, 2.5, 1]


# Demsar 2006, table 5(a): q at 0.05 for k methods.
@pytest.mark.parametrize(("k", "q"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_is_that_of_the_published_table(k, q):
    found = friedman(methods_table(14, "ABCDEFGHIJ"[:k]))
    assert found.critical_difference == pytest.approx(q * np.sqrt(k * (k + 1) / (6 * 14)), rel=3e-4)


def test_posthoc_p_passes_alpha_where_ranks_are_a_critical_difference_apart():
    values = methods_table(12, "ABCDE", seed=5) + np.arange(5)
    found = friedman(values)
    assert len(found.posthoc) == 10
    gaps = [
        abs(found.mean_ranks[a] - found.mean_ranks[b]) for a, b in zip(found.posthoc.a, found.posthoc.b, strict=True)
    ]
    apart = np.array(gaps) > found.critical_difference
    assert apart.any()
    assert not apart.all()
    assert list(found.posthoc["p"] < 0.05) == list(apart)
    assert (found.verdict.kind, found.verdict.apart, found.verdict.pairs) == (VerdictKind.DIFFERENT, apart.sum(), 10)
    assert str(found.verdict) == f"methods differ; Nemenyi separates {apart.sum()} of 10 pairs"
    assert found.mean_ranks.idxmin() == "E"


def test_friedman_does_not_mind_the_order_and_turns_with_the_sense():
    values = methods_table(9)
    there, back = friedman(values), friedman(values.iloc[::-1, ::-1])
    assert there.statistic == pytest.approx(back.statistic)
    assert dict(there.mean_ranks) == pytest.approx(dict(back.mean_ranks))
    other = friedman(values, higher_is_better=False)
    assert list(other.mean_ranks) == pytest.approx([5 - rank for rank in there.mean_ranks])
    assert other.statistic == pytest.approx(there.statistic)


def test_friedman_of_few_rows_says_that_it_cannot_reach_significance():
    values = pd.DataFrame([[1.0, 2, 3], [1, 2, 3]], columns=list("ABC"))
    found = friedman(values)
    assert found.p == pytest.approx(stats.chi2.sf(4, 2))
    assert found.verdict.kind is VerdictKind.OUT_OF_REACH
    assert str(found.verdict) == "cannot reach significance: with 2 rows and 3 methods p is at least 0.14"
    three = friedman(pd.concat([values, values.iloc[:1]]))
    assert three.p < 0.05
    assert three.verdict.kind is VerdictKind.DIFFERENT
    assert friedman(values.iloc[:1]).verdict.kind is VerdictKind.OUT_OF_REACH


def test_friedman_says_where_the_posthoc_test_cannot_tell():
    values = pd.DataFrame([np.arange(10.0)] * 2, columns=list("ABCDEFGHIJ"))
    found = friedman(values)
    assert found.p < 0.05
    assert found.critical_difference > 9
    assert "it cannot with 2 rows" in str(found.verdict)


def test_friedman_leaves_out_rows_and_says_where_there_is_no_test():
    values = methods_table(8)
    values.loc["s3", "B"] = np.nan
    found, wanted = friedman(values), friedman(values.drop(index="s3"))
    assert (found.n, found.statistic) == (7, wanted.statistic)
    assert found.verdict.lost == 1
    assert str(found.verdict).endswith("; 1 of 8 rows left out, where a number is missing")
    for nothing in (
        methods_table(8, "AB"),
        methods_table(0),
        methods_table(4) * np.nan,
        methods_table(3, "A"),
        pd.DataFrame(),
    ):
        found = friedman(nothing)
        assert np.isnan(found.p)
        assert found.verdict.kind is VerdictKind.UNTESTED
        assert str(found.verdict).startswith("no test: needs 3 methods")
    equal = friedman(methods_table(6) * 0)
    assert (equal.statistic, equal.p) == (0, 1)
    assert equal.verdict.kind is VerdictKind.EQUAL
    infinite = methods_table(8)
    infinite.loc["s0", "C"] = np.inf
    assert friedman(infinite).n == 8
