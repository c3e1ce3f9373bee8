import numpy as np
import pytest

from hifisyn.preprocessing.normalize import Intensity, fit


def test_zero_and_the_upper_percentile_of_the_brain_are_the_ends():
    rng = np.random.default_rng(0)
    data = rng.gamma(9, 40, (20, 20, 20))
    brain = rng.random(data.shape) < 0.3
    data[~brain] *= 50
    found = fit(data, brain, 99.5)
    assert found == Intensity(0.0, float(np.percentile(data[brain], 99.5)))
    scaled = found.apply(data)
    assert scaled.dtype == np.float32
    assert (scaled[brain] == 1).mean() == pytest.approx(0.005, abs=2e-3)
    assert found.apply(np.array([0.0]))[0] == -1


def test_a_brain_with_negative_values_is_mapped_from_its_lower_percentile():
    data = np.random.default_rng(0).normal(size=100_000)
    found = fit(data, np.ones(data.shape, bool), 99.5)
    assert found.low == pytest.approx(-2.576, abs=0.06)
    assert found.high == pytest.approx(2.576, abs=0.06)


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
    with pytest.raises(ValueError, match="no contrast"):
        fit(data * 0, np.ones(data.shape, bool))
    with pytest.raises(ValueError, match="high must be above low"):
        Intensity(1.0, 1.0)
