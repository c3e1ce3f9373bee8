import math

import numpy as np
import pytest

from hifisyn.metrics.overlap import by_label, dice, volumetric_similarity


def box(start, stop):
    array = np.zeros((6, 10, 4), dtype=bool)
    array[:, start:stop] = True
    return array


def test_half_overlapping_boxes():
    assert dice(box(0, 4), box(2, 6)) == 0.5
    assert volumetric_similarity(box(0, 4), box(2, 6)) == 1


def test_a_box_within_one_three_times_as_large():
    assert dice(box(0, 2), box(0, 6)) == 0.5
    assert volumetric_similarity(box(0, 2), box(0, 6)) == 0.5


@pytest.mark.parametrize(("measure", "apart"), [(dice, 0), (volumetric_similarity, 1)])
def test_equal_disjoint_and_empty(measure, apart):
    assert measure(box(1, 3), box(1, 3)) == 1
    assert measure(box(0, 2), box(5, 7)) == apart
    assert measure(box(0, 2), box(0, 0)) == 0
    assert math.isnan(measure(box(0, 0), box(0, 0)))


def test_random_masks_agree_with_counting():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 7, 8, 9)) < 0.3
    first, second = set(map(tuple, np.argwhere(a))), set(map(tuple, np.argwhere(b)))
    assert dice(a, b) == pytest.approx(2 * len(first & second) / (len(first) + len(second)))
    assert volumetric_similarity(a, b) == pytest.approx(1 - abs(len(first) - len(second)) / (len(first) + len(second)))


def test_each_label_by_its_name():
    a, b = np.array([0, 1, 1, 2, 2, 2]), np.array([0, 1, 2, 2, 2, 2])
    row = by_label(a, b, {"CSF": 1, "GM": 2, "WM": 3})
    assert row["dice_CSF"] == pytest.approx(2 / 3)
    assert row["vs_GM"] == pytest.approx(1 - 1 / 7)
    assert math.isnan(row["dice_WM"])


def test_label_maps_are_refused_as_masks():
    with pytest.raises(ValueError, match="boolean"):
        dice(np.array([0, 1, 2]), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="one shape"):
        dice(np.zeros(3, dtype=bool), np.zeros(4, dtype=bool))
