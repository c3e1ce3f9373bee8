"""Each part of the unpaired score against closed forms, and what each is blind to."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import wasserstein_distance

from hifisyn.training import unpaired_score as us

SHAPE = (3, 32, 32)
BRAIN = np.ones(SHAPE, bool)


@pytest.fixture
def head():
    """Return labels of three tissues, a real scan of the target, and its tissues."""
    rng = np.random.default_rng(0)
    field = gaussian_filter(rng.normal(size=SHAPE), (0, 3, 3))
    labels = 1 + np.digitize(field, np.quantile(field, [0.3, 0.7]))
    real = np.array([0.0, -0.6, 0.1, 0.7])[labels] + rng.normal(0, 0.05, SHAPE)
    return labels, real, us.tissues_of(real, labels)


def test_the_truth_itself_reaches_one(head):
    labels, real, tissues = head
    assert us.tissue_statistics(real, labels, tissues) == pytest.approx(1)
    assert us.segmentation_consistency(real, labels, tissues) > 0.99
    assert us.base_agreement(real, 0.5 * real - 0.2, BRAIN) == pytest.approx(1)
    assert us.cycle_consistency(real, real, BRAIN) == pytest.approx(1)


def test_tissue_statistics_are_distances_of_distributions_within_tissues(head):
    labels, real, tissues = head
    made = 0.8 * real + 0.1
    distances = [wasserstein_distance(made[labels == value], real[labels == value]) for value in (1, 2, 3)]
    assert us.tissue_statistics(made, labels, tissues) == pytest.approx(1 - np.mean(distances), abs=2e-3)
    flat = np.array([0.0, -0.6, 0.1, 0.7])[labels]
    assert 0.9 < us.tissue_statistics(flat, labels, tissues) < 0.99  # as bright, but not as varied


def test_tissues_swapped_cost_statistics_and_segmentation_but_no_cycle(head):
    labels, real, tissues = head
    swapped = np.array([0.0, 0.7, 0.1, -0.6])[labels]
    assert us.tissue_statistics(swapped, labels, tissues) < 0.3
    assert us.segmentation_consistency(swapped, labels, tissues) == pytest.approx(1 / 3, abs=0.01)
    assert us.base_agreement(swapped, real, BRAIN) < -0.9


def test_segmentation_takes_the_likeliest_tissue_of_wide_and_narrow_ones():
    """Normal distributions N(0, .1) and N(0, .5) of equal shares part where their densities are equal."""
    labels = np.repeat([1, 2], 500).reshape(1, 1, 1000)
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 0.1, 500), rng.normal(0, 0.5, 500)]).reshape(labels.shape)
    tissues = us.tissues_of(values, labels)
    narrow, wide = (tissues[value].std() for value in (1, 2))
    mean = (tissues[1].mean(), tissues[2].mean())
    density = [np.exp(-0.5 * ((values - m) / s) ** 2) / s for m, s in zip(mean, (narrow, wide), strict=True)]
    found = np.where(density[0] > density[1], 1, 2)
    dices = [2 * ((found == v) & (labels == v)).sum() / ((found == v).sum() + (labels == v).sum()) for v in (1, 2)]
    assert us.segmentation_consistency(values, labels, tissues) == pytest.approx(np.mean(dices))


def test_what_is_not_known_is_no_number_and_does_not_count(head):
    _, real, tissues = head
    nothing = np.zeros(SHAPE, int)
    assert np.isnan(us.tissue_statistics(real, nothing, tissues))
    assert np.isnan(us.segmentation_consistency(real, nothing, tissues))
    assert np.isnan(us.segmentation_consistency(real, np.ones(SHAPE, int), tissues))
    few = nothing.copy()
    few[0, 0, : us.FEWEST - 1] = 1
    assert us.tissues_of(real, few) == {}
    assert np.isnan(us.unpaired_score({}))
    weights = us.WEIGHTS
    known = {us.TISSUES: 0.9, us.CYCLE: 0.5, us.BASE: float("nan")}
    mean = (weights[us.TISSUES] * 0.9 + weights[us.CYCLE] * 0.5) / (weights[us.TISSUES] + weights[us.CYCLE])
    assert us.unpaired_score(known) == pytest.approx(mean)


def test_each_part_counts(head):
    whole = dict.fromkeys(us.WEIGHTS, 0.8)
    for part in us.WEIGHTS:
        assert us.unpaired_score(whole | {part: 0.2}) < us.unpaired_score(whole) == pytest.approx(0.8)
