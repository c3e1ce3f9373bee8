import numpy as np
import pytest

from hifisyn.preprocessing import bias
from tests.support.heads import grid, scan, truth

SCANNED = grid((46, 56, 36), (3, 3, 3.6), axes="LAS", degrees=(5, 0, -8))


def drift(volume, amount):
    """A smooth gain with 5th to 95th percentile `amount` apart in the brain box, along an oblique axis."""
    index = np.indices(volume.shape) / np.array(volume.shape).reshape(3, 1, 1, 1) - 0.5
    slope = index[0] + 0.6 * index[2] - 0.8 * index[1] ** 2
    return 1 + amount * (slope - np.median(slope)) / (np.percentile(slope, 95) - np.percentile(slope, 5))


def spread(data, tissue):
    """Variation within grey and within white matter."""
    return sum(data[tissue == t].std() / data[tissue == t].mean() for t in (2, 3))


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ["T1", "T2"])
def test_a_strong_field_is_measured_and_divided_out(contrast):
    clean, brain = scan(*SCANNED, contrast, noise=2)
    gain, tissue = drift(clean, 0.5), truth(clean)
    biased = clean.with_data((clean.data * gain).astype(np.float32))
    inside = brain.data > 0
    true_strength = np.subtract(*np.percentile(gain[inside], [95, 5])) / np.median(gain[inside])
    found = bias.estimate(biased, brain)
    assert found.strong
    assert found.strength == pytest.approx(true_strength, rel=0.4)
    corrected = bias.correct(biased, found)
    excess_before = spread(biased.data, tissue) - spread(clean.data, tissue)
    assert spread(corrected.data, tissue) - spread(clean.data, tissue) < 0.4 * excess_before
    assert np.median(corrected.data[inside]) == pytest.approx(np.median(biased.data[inside]), rel=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0, 1024, -200])
def test_spikes_and_an_offset_change_no_field(offset):
    clean, brain = scan(*SCANNED, "T1", noise=2)
    biased = clean.with_data((clean.data * drift(clean, 0.5)).astype(np.float32))
    spoilt = biased.data + offset
    spikes = tuple(np.argwhere(brain.data)[::1000].T)
    spoilt[spikes] = 32767
    true, found = bias.estimate(biased, brain), bias.estimate(biased.with_data(spoilt), brain)
    assert found.strength == pytest.approx(true.strength, rel=0.02)
    corrected = bias.correct(biased.with_data(spoilt), found).data - offset
    corrected[spikes] = 0
    expected = bias.correct(biased, true).data
    expected[spikes] = 0
    np.testing.assert_allclose(corrected[brain.data > 0], expected[brain.data > 0], rtol=0.02, atol=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("contrast", ["T1", "T2", "FLAIR"])
def test_no_field_is_measured_weak(contrast):
    clean, brain = scan(*SCANNED, contrast, noise=2)
    assert not bias.estimate(clean, brain).strong


def test_a_sliver_of_brain_has_no_field():
    clean, brain = scan(*SCANNED)
    sliver = brain.with_data((np.indices(brain.shape)[2] == 18) & (np.indices(brain.shape)[0] < 3))
    found = bias.estimate(clean, sliver)
    assert found.strength == 0
    np.testing.assert_array_equal(bias.correct(clean, found).data, clean.data)
