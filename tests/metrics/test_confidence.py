"""Confidence against closed forms: kept expectations, constant ones, and an oracle."""

import numpy as np
import pytest
from scipy.stats import rankdata

from hifisyn.metrics.confidence import (
    area_under_sparsification_error,
    error_over_expected,
    rank_correlation,
    reliability,
    reliability_error,
)


@pytest.fixture
def kept():
    """Errors of exponential distributions whose means are known."""
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.01, 0.2, 200_000)
    return rng.exponential(expected), expected


def test_expectations_that_are_kept_are_reliable_in_every_bin(kept):
    error, expected = kept
    ratios = reliability(error, expected)
    assert ratios == pytest.approx(np.ones(10), abs=0.03)
    assert reliability_error(ratios) < 0.02
    assert reliability(error, expected / 2) == pytest.approx(2 * ratios)
    assert reliability_error(2 * ratios) == pytest.approx(1, abs=0.03)
    assert error_over_expected(error, 4 * expected) == pytest.approx(0.25, abs=0.01)


def test_bins_go_from_the_least_expected_to_the_most():
    expected = np.repeat([0.2, 0.1], 50)
    error = np.where(expected > 0.15, 0.6, 0.1)
    assert reliability(error, expected, 2) == pytest.approx([1, 3])


def test_the_area_is_nothing_for_an_oracle_and_known_for_even_errors():
    error = (np.arange(10_000) + 0.5) / 10_000
    assert area_under_sparsification_error(error, error**3) == 0
    assert area_under_sparsification_error(error, np.ones(10_000)) == pytest.approx(0.5, abs=1e-3)
    assert area_under_sparsification_error(error, -error) == pytest.approx(1, abs=1e-3)
    assert area_under_sparsification_error(5 * error, -error) == pytest.approx(1, abs=1e-3)
    assert np.isnan(area_under_sparsification_error(np.zeros(3), np.ones(3)))


def test_the_area_is_between_curves_drawn_point_by_point(kept):
    error, expected = (values[:60] for values in kept)
    gaps = []
    for left in range(1, 61):
        rest = np.argsort(expected)[:left]
        gaps.append(error[rest].mean() - np.sort(error)[:left].mean())
    assert area_under_sparsification_error(error, expected) == pytest.approx(np.mean(gaps) / error.mean())


def test_ranks_are_correlated():
    rng = np.random.default_rng(0)
    error, expected = rng.random((2, 40))
    by_hand = np.corrcoef(rankdata(error), rankdata(expected))[0, 1]
    assert rank_correlation(error, expected) == pytest.approx(by_hand)
    assert rank_correlation(error, np.exp(error)) == pytest.approx(1)
    assert np.isnan(rank_correlation(error, np.ones(40)))
