"""Bootstrap intervals: coverage, the law of many values, the definition of BCa."""

import numpy as np
import pytest
from scipy import stats

from hifisyn.statistics.bootstrap import interval

FEW = 200  # resamples, where their number does not matter


def test_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.exponential(size=(400, 40))
    intervals = np.array([interval(draw, resamples=500, seed=i) for i, draw in enumerate(draws)])
    covered = ((intervals[:, 0] < 1) & (intervals[:, 1] > 1)).mean()
    assert 0.90 < covered < 0.975
    wide = np.array([interval(draw, resamples=500, confidence=0.5) for draw in draws[:100]])
    assert 0.35 < ((wide[:, 0] < 1) & (wide[:, 1] > 1)).mean() < 0.65


def test_interval_of_many_values_is_that_of_the_normal_law():
    values = np.random.default_rng(1).normal(5, 2, size=3_000)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert interval(values, resamples=2_000) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.1 * half
    )


def test_interval_is_bias_corrected_and_accelerated():
    values = np.random.default_rng(5).exponential(size=15) ** 2
    means = np.random.default_rng(6).choice(values, size=(50_000, 15)).mean(axis=1)
    influence = values.mean() - np.array([np.delete(values, i).mean() for i in range(15)])
    acceleration = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)  # Efron 1987
    bias = stats.norm.ppf((means < values.mean()).mean())
    z = bias + stats.norm.ppf([0.025, 0.975])
    wanted = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    tolerance = 0.03 * np.ptp(wanted)
    assert interval(values, resamples=30_000) == pytest.approx(tuple(wanted), abs=tolerance)
    assert abs(np.quantile(means, 0.975) - wanted[1]) > 3 * tolerance


def test_interval_is_seeded_and_knows_its_edges():
    values = np.random.default_rng(2).normal(size=12)
    assert interval(values, seed=1, resamples=FEW) == interval(values[::-1], seed=1, resamples=FEW)
    assert interval(values, seed=1, resamples=FEW) != interval(values, seed=2, resamples=FEW)
    assert np.isnan(interval([1.0, 2.0])).all()
    assert interval([4.0, 4.0, 4.0]) == (4.0, 4.0)
    assert interval([1.0, 2.0, 3.0, np.nan, np.inf], resamples=FEW) == interval([1.0, 2.0, 3.0], resamples=FEW)
