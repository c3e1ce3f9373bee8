import numpy as np
import pandas as pd
import pytest

from hifisyn.statistics.rates import drawn_means, fewest_apart, rate_interval, wilson
from hifisyn.statistics.signed_rank import least_p


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # by the formula (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_is_the_published_formula(hits, n, low, high):
    assert wilson(hits / n, n) == pytest.approx((low, high), abs=2e-4)
    assert np.isnan(wilson(0, 0)).all()


def test_one_value_a_subject_gives_wilson_and_several_count_as_the_subjects_differ():
    subjects = pd.Series([f"s{i}" for i in range(20)])
    values = pd.Series([1.0] * 14 + [0.0] * 6)
    assert rate_interval(values, subjects) == pytest.approx(wilson(0.7, 20))
    # the same answers written ten times say no more: the interval stays that of 20 subjects, not of 200 values
    tenfold = rate_interval(pd.concat([values] * 10), pd.concat([subjects] * 10))
    assert tenfold == pytest.approx(wilson(0.7, 20), abs=0.02)
    assert wilson(0.7, 200)[1] - wilson(0.7, 200)[0] < 0.5 * (tenfold[1] - tenfold[0])


def test_perfect_readers_have_no_interval_of_zero_width():
    subjects = pd.Series(["a", "a", "b", "b", "c", "c"])
    low, high = rate_interval(pd.Series([1.0] * 6), subjects)
    assert (low, high) == pytest.approx(wilson(1, 3))
    assert low < 0.5
    assert np.isnan(rate_interval(pd.Series([1.0, 0.0]), pd.Series(["a", "a"]))).all()


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Coverage: three correlated answers of each of 25 subjects, rate 0.75."""
    rng = np.random.default_rng(1)
    subjects = pd.Series(np.repeat(np.arange(25), 3))
    held = 0
    for _ in range(400):
        own = rng.beta(3, 1, 25)  # mean 0.75, so answers of a subject are alike
        values = pd.Series((rng.random(75) < np.repeat(own, 3)).astype(float))
        low, high = rate_interval(values, subjects)
        held += low <= 0.75 <= high
    assert 0.92 <= held / 400 <= 0.98


def test_independent_answers_of_a_subject_count_one_by_one():
    rng = np.random.default_rng(0)
    values, subjects = pd.Series((rng.random(4000) < 0.3).astype(float)), pd.Series(np.repeat(np.arange(400), 10))
    assert rate_interval(values, subjects) == pytest.approx(wilson(values.mean(), 4000), abs=0.004)


def test_drawn_means_weigh_subjects_by_their_values():
    means = drawn_means(np.array([2.0, 0.0]), np.array([2, 1]), resamples=5000)
    assert set(np.round(means, 6)) == {0.0, round(2 / 3, 6), 1.0}


@pytest.mark.parametrize("tests", [1, 2, 12])
def test_so_few_subjects_can_reach_significance_and_no_fewer(tests):
    n = fewest_apart(tests)
    assert least_p(n) * tests <= 0.05 < least_p(n - 1) * tests
