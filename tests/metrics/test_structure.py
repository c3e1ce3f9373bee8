"""Structure and sharpness against closed forms and scikit-image."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.measure import blur_effect as blur_of_scikit
from skimage.metrics import normalized_mutual_information

from hifisyn.metrics.structure import (
    blur_effect,
    high_frequency_energy,
    interior,
    normalised_mutual_information,
    stripes,
)


@pytest.fixture
def brain():
    mask = np.zeros((4, 60, 56), dtype=bool)
    mask[:, 15:45, 14:42] = True
    return mask


@pytest.fixture
def image(brain):
    noise = gaussian_filter(np.random.default_rng(0).normal(size=brain.shape), (0, 1, 1))
    return np.where(brain, noise, -1).astype(np.float32)


def test_information_is_that_of_scikit_image_in_the_mask(image, brain):
    other = np.where(brain, -np.abs(image) + 0.1 * np.random.default_rng(1).normal(size=image.shape), -1)
    x, y = image[brain].astype(float), other[brain].astype(float)
    expected = normalized_mutual_information(x, y, bins=64)
    assert normalised_mutual_information(image, other, brain) == pytest.approx(expected, abs=1e-6)
    assert normalised_mutual_information(image, image, brain) == pytest.approx(2, abs=1e-12)


def test_information_of_four_equal_states_is_known():
    a, b = np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 0, 1])
    there = np.ones(4, dtype=bool)
    assert normalised_mutual_information(a, b, there) == pytest.approx(1)
    assert normalised_mutual_information(a, 3 - 2 * a, there) == pytest.approx(2)
    assert normalised_mutual_information(a, np.zeros(4), there) == pytest.approx(1)
    assert np.isnan(normalised_mutual_information(np.zeros(4), np.zeros(4), there))


def test_blur_is_the_mean_of_scikit_image_over_slices(image, brain):
    whole = np.mean([blur_of_scikit(one.astype(float)) for one in image])
    assert blur_effect(image, brain) == pytest.approx(whole, abs=1e-6)
    smooth = np.where(brain, gaussian_filter(image, (0, 1.5, 1.5)), -1)
    assert blur_effect(smooth, brain) > blur_effect(image, brain) + 0.02
    assert np.isnan(blur_effect(np.zeros_like(image), brain))


@pytest.mark.parametrize("frequency", [0.1, 0.25, 0.4])
def test_energy_of_a_wave_is_what_the_gaussian_takes_away(brain, frequency):
    """A Gaussian leaves exp(-2 pi^2 f^2) of a wave; it is cut at three pixels, so not quite."""
    wave = np.broadcast_to(np.cos(2 * np.pi * frequency * np.arange(56)), brain.shape)
    inside = interior(brain)
    taken = 1 - np.exp(-2 * np.pi**2 * frequency**2)
    assert high_frequency_energy(wave, inside) / np.square(wave[inside]).sum() == pytest.approx(taken**2, rel=0.03)
    assert high_frequency_energy(0.5 * wave, inside) == pytest.approx(0.25 * high_frequency_energy(wave, inside))


def test_the_border_of_the_brain_is_no_detail(brain):
    flat = np.where(brain, 0.7, -1)
    assert high_frequency_energy(flat, interior(brain)) == pytest.approx(0, abs=1e-20)
    assert high_frequency_energy(flat, brain) > 1
    assert interior(brain).sum() == 4 * 24 * 22


def test_independent_offsets_count_with_their_standard_deviation():
    rng = np.random.default_rng(0)
    offsets = rng.normal(0, 0.2, 4000)[:, None, None]
    brain = np.ones((4000, 3, 3), dtype=bool)
    assert stripes(offsets * brain, brain, range(4000)) == pytest.approx(0.2, rel=0.03)


def test_every_second_slice_brighter_is_known_and_a_slope_is_none(brain):
    places = np.array([0, 1, 2, 5])
    slope = 0.1 * places[:, None, None] * np.ones(brain.shape)
    assert stripes(slope, brain, places) == pytest.approx(0, abs=1e-12)
    assert stripes(slope, brain, range(4)) > 0.05
    zebra = 0.1 * np.array([1, -1, 1, -1])[:, None, None] * np.ones(brain.shape)
    assert stripes(zebra, brain, range(4)) == pytest.approx(0.2 / np.sqrt(1.5))
    zebra[~brain] = 9
    assert stripes(zebra, brain, range(4)) == pytest.approx(0.2 / np.sqrt(1.5))
    assert np.isnan(stripes(zebra[:2], brain[:2], range(2)))


def test_stripes_of_one_plane_only_are_seen(brain):
    """A line of one slice: a row of one coronal plane, and one pixel of every sagittal row."""
    error = np.zeros(brain.shape)
    error[1, 20, :] = 1.0
    middle, factor = np.zeros((2, *brain.shape[1:])), np.sqrt(1.5)
    middle[0, 20], middle[1, 20] = 1 / factor, -0.5 / factor
    rows = middle[:, 15:45, 14:42]
    coronal, sagittal = rows.mean(axis=2), rows.mean(axis=1)
    expected = np.sqrt((np.square(coronal).sum() * 28 + np.square(sagittal).sum() * 30) / (2 * 2 * 28 * 30))
    assert stripes(error, brain, range(4)) == pytest.approx(expected)
