"""Lesions drawn by hand: contrast against the rim, its sign, and bright pieces of known volume."""

import numpy as np
import pytest

from hifisyn.metrics.lesions import bright_ml, contrast, rim, sign_right

SHAPE = (3, 41, 41)


@pytest.fixture
def lesion():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1, 18:23, 18:23] = True
    return mask


def test_the_rim_is_white_matter_3_to_8_mm_away(lesion):
    white = np.ones(SHAPE, dtype=bool) & ~lesion
    white[:, :, 20:] = False
    around = rim(lesion, white, 2.0)
    assert not around[0].any()
    assert not around[2].any()
    row = np.flatnonzero(around[1, 20])
    assert row.tolist() == [14, 15, 16], "4, 6 and 8 mm from column 18, on the side of the white matter"


def test_contrast_is_the_difference_to_the_rim_alone(lesion):
    white = ~lesion
    around = rim(lesion, white, 1.0)
    image = np.full(SHAPE, 0.9)
    image[around], image[lesion] = 0.1, 0.6
    assert contrast(image, lesion, around) == pytest.approx(0.5)
    assert np.isnan(contrast(image, lesion, np.zeros_like(lesion)))
    few = np.zeros_like(lesion)
    few[1, 20, 16:25] = True
    assert np.isnan(contrast(image, few, around))


def test_a_sign_is_right_or_wrong_only_where_it_is_clear():
    assert sign_right(0.01, 0.11) == 1
    assert sign_right(-0.01, 0.11) == 0
    assert sign_right(-0.2, -0.5) == 1
    assert np.isnan(sign_right(0.5, 0.1))
    assert np.isnan(sign_right(np.nan, 0.5))


@pytest.fixture
def scan():
    rng = np.random.default_rng(0)
    image = np.clip(rng.normal(0, 0.05, SHAPE), -0.1, 0.1)
    white = np.zeros(SHAPE, dtype=bool)
    white[:, :20] = True
    return image, white


def test_bright_pieces_of_20_mm3_count_and_smaller_do_not(lesion, scan):
    image, white = scan
    image[0, 30:32, 5:10] = 0.9  # ten pixels of 2 mm3
    image[2, 30:33, 30:33] = 0.9  # nine
    image[lesion] = 0.9
    everywhere = np.ones(SHAPE, dtype=bool)
    assert bright_ml(image, everywhere, white, lesion, 2.0) == pytest.approx(0.02)
    assert bright_ml(image, everywhere, white, lesion, 3.0) == pytest.approx(0.03 + 0.027)
    assert bright_ml(image, white, white, lesion, 2.0) == 0
    assert np.isnan(bright_ml(image, everywhere, np.zeros_like(white), lesion, 2.0))


def test_the_bar_is_three_standard_deviations_above_white_matter(scan):
    image, white = scan
    nothing = np.zeros(SHAPE, dtype=bool)
    bar = image[white].mean() + 3 * image[white].std()
    for value, expected in ((bar - 0.001, 0.0), (bar + 0.001, 0.025)):
        image[0, 30:35, 5:10] = value
        assert bright_ml(image, ~nothing, white, nothing, 1.0) == expected


def test_pieces_do_not_reach_over_a_gap(scan):
    image, white = scan
    image[:2, 30:33, 30:35] = 0.9  # fifteen in each of two slices
    nothing = np.zeros(SHAPE, dtype=bool)
    assert bright_ml(image, ~nothing, white, nothing, 1.0, [4, 5, 6]) == pytest.approx(0.03)
    assert bright_ml(image, ~nothing, white, nothing, 1.0, [4, 7, 8]) == 0
