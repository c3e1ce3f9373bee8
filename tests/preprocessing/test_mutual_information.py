import numpy as np
import pytest
from scipy import ndimage, stats

from hifisyn.preprocessing.mutual_information import (
    BINS,
    excess_information,
    joint_histogram,
    mutual_information,
    normalised_mutual_information,
)


def test_mutual_information_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400_000))
    for correlation in (0.0, 0.6, 0.9):
        mixed = correlation * a + np.sqrt(1 - correlation**2) * b
        exact = -0.5 * np.log(1 - correlation**2)
        assert mutual_information(a, mixed) == pytest.approx(exact, abs=0.03)


def test_mutual_information_does_not_mind_contrast_but_displacement():
    image = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(30, 30, 30)), 2)
    inverted = np.exp(-5 * image)
    same, shifted = (mutual_information(image.ravel(), x.ravel()) for x in (inverted, np.roll(inverted, 3, axis=0)))
    assert same > 2 * shifted


def test_normalised_information_is_the_ratio_of_entropies():
    rng = np.random.default_rng(0)
    a = rng.normal(size=5000)
    b = a + rng.normal(size=5000)
    joint = joint_histogram(a, b)
    entropies = [stats.entropy(p.ravel()) for p in (joint.sum(axis=1), joint.sum(axis=0), joint)]
    expected = (entropies[0] + entropies[1]) / entropies[2]
    assert normalised_mutual_information(a, b) == pytest.approx(expected, rel=1e-9)
    assert mutual_information(a, b) == pytest.approx(entropies[0] + entropies[1] - entropies[2], rel=1e-9)


def test_independent_samples_have_no_excess_however_few_they_are():
    rng = np.random.default_rng(1)
    for count in (1500, 6000, 40_000):
        samples = [rng.uniform(size=(2, count)) for _ in range(20)]
        excess = np.mean([excess_information(a, b) for a, b in samples])
        plain = np.mean([mutual_information(a, b) for a, b in samples])
        assert plain == pytest.approx((BINS - 1) ** 2 / (2 * count), rel=0.25)
        assert abs(excess) < 0.25 * plain
