import numpy as np
import pytest
from scipy.stats import ks_2samp

from hifisyn import baselines


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    brain = np.zeros((4, 40, 30), dtype=bool)
    brain[:, 5:35, 4:26] = True
    source = np.where(brain, rng.uniform(-0.9, 0.8, brain.shape), -1).astype(np.float32)
    return source, brain


def curve(source):
    return -0.7 * source**3 - 0.1


def test_a_curve_is_learned_from_pairs_and_applied_to_another_case(case):
    source, brain = case
    target = np.where(brain, curve(source), -1)
    fitted = baselines.fit([(target, brain)], [(source, target, brain)])
    other = np.where(brain, 0.9 * np.roll(source, 3, axis=0), -1)
    answer = fitted.answers(other, brain)[baselines.LOOK_UP]
    # Within a bin the curve moves by at most its slope times the bin's width.
    assert np.abs(answer - curve(other))[brain].max() < 2.1 * 0.8**2 * 2 / baselines.BINS
    assert np.all(answer[~brain] == -1)


def test_the_table_is_the_mean_of_the_target_in_each_bin(case):
    source, brain = case
    rng = np.random.default_rng(1)
    target = rng.uniform(-1, 1, brain.shape)
    table = baselines.conditional_mean([(source[:2], target[:2], brain[:2]), (source[2:], target[2:], brain[2:])])
    chosen = brain & (source >= baselines.EDGES[100]) & (source < baselines.EDGES[101])
    assert chosen.sum() > 3
    assert table is not None
    assert table[100] == pytest.approx(target[chosen].mean())


def test_bins_without_pixels_are_filled_in_between():
    source = np.array([[[-0.998, 0.998]]])
    table = baselines.conditional_mean([(source, np.array([[[-0.5, 0.5]]]), np.ones((1, 1, 2), dtype=bool))])
    assert table is not None
    np.testing.assert_allclose(table, np.linspace(-0.5, 0.5, baselines.BINS))


def test_no_pairs_no_table(case):
    source, brain = case
    fitted = baselines.fit([(source, brain)])
    assert fitted.table is None
    assert set(fitted.answers(source, brain)) == {baselines.SOURCE, baselines.HISTOGRAM, baselines.CONSTANT}


def test_the_matched_histogram_is_the_targets_and_ranks_are_kept(case):
    source, brain = case
    rng = np.random.default_rng(2)
    targets = [(np.where(brain, rng.beta(a, 3, brain.shape) * 2 - 1, -1), brain) for a in (2, 4)]
    matched = baselines.fit(targets).answers(source, brain)[baselines.HISTOGRAM]
    pooled = np.concatenate([target[mask] for target, mask in targets])
    assert ks_2samp(matched[brain], pooled).statistic < 0.01
    order = np.argsort(source[brain])
    assert np.all(np.diff(matched[brain][order]) >= 0)
    assert np.all(matched[~brain] == -1)


def test_a_flat_histogram_has_evenly_spaced_quantiles():
    quantiles = baselines.histogram_quantiles(np.ones(baselines.BINS))
    np.testing.assert_allclose(quantiles, np.linspace(-1, 1, 2 * baselines.QUANTILES + 1)[1::2])


def test_the_constant_is_the_mean_over_all_pixels(case):
    _, brain = case
    few = brain & (np.arange(4)[:, None, None] == 0)
    fitted = baselines.fit([(np.full(brain.shape, 0.6), brain), (np.full(brain.shape, -0.4), few)])
    assert fitted.mean == pytest.approx((0.6 * 4 - 0.4) / 5)
    answer = fitted.answers(np.zeros(brain.shape), few)[baselines.CONSTANT]
    np.testing.assert_allclose(answer[few], fitted.mean, rtol=1e-6)
    assert np.all(answer[~few] == -1)


def test_the_source_comes_back_as_it_was(case):
    source, brain = case
    assert np.array_equal(baselines.fit([(source, brain)]).answers(source, brain)[baselines.SOURCE], source)


def test_no_brain_is_refused(case):
    source, brain = case
    with pytest.raises(ValueError, match="brain"):
        baselines.fit([(source, np.zeros_like(brain))])
