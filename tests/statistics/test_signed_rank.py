"""Wilcoxon's signed-rank test, against enumeration and scipy asked in another way."""

import numpy as np
import pytest
from scipy import stats

from hifisyn.statistics.signed_rank import signed_rank
from tests.support.statistics_by_hand import enumerated


@pytest.mark.parametrize(
    "differences",
    [
        [0.3],
        [0.3, -0.1],
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [1.5, -0.2, 0.7, 2.2, -0.9, 0.4, 3.1],
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [1.0, -1.0, 1.0, 2.0, 2.0, -2.0, 3.0],
        [0.0, 1.0, 0.0, 2.0, -1.0, 2.0, 2.0, 0.0],
        [np.inf, 1.0, np.inf, -2.0, 0.5],
    ],
)
def test_exact_p_counts_every_way_to_set_the_signs(differences):
    found = signed_rank(np.array(differences))
    p, least = enumerated(np.array(differences))
    assert found.p == pytest.approx(p, abs=1e-12)
    assert found.least_p == pytest.approx(least, abs=1e-12)
    assert found.n == np.count_nonzero(differences)


def test_exact_p_with_ties_of_many_pairs_agrees_with_random_signs():
    differences = np.random.default_rng(7).integers(-3, 7, size=30).astype(float)
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.random.default_rng(0).choice([-1, 1], size=(100_000, len(kept))) @ ranks
    extreme = np.abs(sums) >= abs(np.dot(np.sign(kept), ranks))
    found = signed_rank(differences).p
    assert 0.001 < found < 0.2
    assert found == pytest.approx(extreme.mean(), abs=4 * extreme.std() / np.sqrt(len(sums)))


def test_p_of_more_pairs_than_are_counted_out_is_that_of_scipy():
    differences = np.random.default_rng(4).normal(0.3, 1, size=80)
    assert signed_rank(differences).p == pytest.approx(stats.wilcoxon(differences, method="approx").pvalue)


def test_effect_is_the_matched_pairs_rank_biserial_correlation():
    differences = np.array([3.0, -1.0, 2.0, 0.0, -4.0, 6.0])  # ranks 3, 1, 2, none, 4, 5
    assert signed_rank(differences).effect == pytest.approx(((3 + 2 + 5) - (1 + 4)) / 15)


def test_numbers_that_differ_by_rounding_only_are_ties():
    a, b = np.array([0.3, 0.8, 0.5]), np.array([0.1 + 0.2, 0.6, 0.3])
    assert a[0] != b[0]
    assert (a - b)[1] != (a - b)[2]
    found = signed_rank(a - b)
    assert (found.n, found.p) == (2, 0.5)
