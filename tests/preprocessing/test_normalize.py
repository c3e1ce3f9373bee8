"""The intensities that become -1 and +1, on scans whose every voxel is known."""

import numpy as np
import pytest

from hifisyn.preprocessing.normalize import Intensity, fit

N = 30_000


def head(seed=0):
    """Return a scan (3 N,), a third each of air, dim skull and brain, and where its brain is."""
    rng = np.random.default_rng(seed)
    brain = np.repeat([False, False, True], N)
    return np.concatenate([rng.rayleigh(4, N), rng.gamma(9, 5, N), rng.gamma(9, 40, N)]), brain


def ends(found):
    return found.low, found.high


def test_air_and_the_upper_percentile_of_the_brain_are_the_ends():
    data, brain = head()
    found = fit(data, brain, 99.5)
    assert found.low == pytest.approx(0, abs=3)
    assert found.high == pytest.approx(np.percentile(data[brain], 99.5))
    scaled = found.apply(data)
    assert scaled.dtype == np.float32
    assert (scaled[brain] == 1).mean() == pytest.approx(0.005, abs=2e-3)
    clean = np.where(brain, data, 0)
    assert ends(fit(clean, brain, 99.5)) == (0, found.high)


@pytest.mark.parametrize("scale", [1e-6, 0.01, 7, 1e6])
@pytest.mark.parametrize("offset", [-5, -0.5, 0, 2.56, 5])
def test_another_scale_and_offset_give_the_same_picture(scale, offset):
    data, brain = head()
    other = data * scale + offset * 400 * scale
    np.testing.assert_allclose(fit(other, brain).apply(other), fit(data, brain).apply(data), atol=1e-3)


@pytest.mark.parametrize("value", [32767.0, 65535.0, -32768.0, 1e9])
@pytest.mark.parametrize("share", [1e-4, 1e-3, 0.01])
@pytest.mark.parametrize("where", ["brain", "air", "anywhere"])
def test_spikes_do_not_move_the_ends(value, share, where):
    data, brain = head()
    places = {"brain": np.flatnonzero(brain), "air": np.arange(N), "anywhere": np.arange(3 * N)}[where]
    spoilt = data.copy()
    spoilt[np.random.default_rng(1).choice(places, int(share * len(places)), replace=False)] = value
    clean, found = fit(data, brain), fit(spoilt, brain)
    assert np.abs(np.subtract(ends(found), ends(clean))).max() < 0.02 * (clean.high - clean.low)


def test_much_of_the_air_may_be_wrapped_around():
    data, brain = head()
    data[:N:3] = 65535
    clean = fit(*head())
    assert np.abs(np.subtract(ends(fit(data, brain)), ends(clean))).max() < 0.02 * clean.high


@pytest.mark.parametrize("marker", [-32768.0, -1000.0, 65535.0])
def test_air_that_was_set_to_a_marker_counts_as_zero(marker):
    data, brain = head()
    data[~brain] = marker
    assert fit(data, brain).low == 0


def test_a_normalised_brain_is_mapped_from_its_lower_percentile():
    data = np.random.default_rng(0).normal(size=2 * N)
    brain = np.arange(2 * N) < N
    for background in (0.0, -50.0):
        found = fit(np.where(brain, data, background), brain, 99.5)
        assert found.low == pytest.approx(-2.576, abs=0.1)
        assert found.high == pytest.approx(2.576, abs=0.1)


def test_a_stripped_brain_on_a_pedestal_keeps_its_contrast():
    data, brain = head()
    found = fit(np.where(brain, data + 5000, 0), brain)
    assert found.low == pytest.approx(np.percentile(data[brain], 0.5) + 5000, rel=1e-3)


def test_invert_undoes_apply_where_nothing_was_clipped():
    intensity = Intensity(-3.0, 812.5)
    values = np.linspace(-3, 812.5, 101)
    np.testing.assert_allclose(intensity.invert(intensity.apply(values)), values, atol=1e-3)
    beyond = np.array([5000.0, -90.0])
    np.testing.assert_allclose(intensity.invert(intensity.apply(beyond)), [812.5, -3.0])


def test_no_brain_and_an_even_brain_are_refused():
    data = np.full((4, 4, 4), 7.0)
    with pytest.raises(ValueError, match="no voxel of brain"):
        fit(data, np.zeros(data.shape, bool))
    for even in (data, data * 0):
        with pytest.raises(ValueError, match="no contrast"):
            fit(even, np.ones(data.shape, bool))
    with pytest.raises(ValueError, match="high must be above low"):
        Intensity(1.0, 1.0)
