"""Distances of borders against spheres, shifts, and every pair of voxels."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from hifisyn.metrics.surface import border, by_label, hd95


def ball(radius, shape=(40, 40, 40), spacing=(1.0, 1.0, 1.0)):
    at = [(np.arange(n) - n / 2) * s for n, s in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*at, indexing="ij")
    return z**2 + y**2 + x**2 < radius**2


def test_balls_around_one_centre_are_apart_by_their_radii():
    assert hd95(ball(9), ball(14), (1, 1, 1)) == pytest.approx(5, abs=0.6)


def test_a_shift_counts_in_millimetres_of_its_axis():
    a = np.zeros((12, 12, 12), dtype=bool)
    a[3:6, 3:6, 3:6] = True
    assert hd95(a, np.roll(a, 2, axis=0), (3.0, 1.0, 1.0)) == 6
    assert hd95(a, a, (3.0, 1.0, 1.0)) == 0
    assert np.isnan(hd95(a, np.zeros_like(a), (1, 1, 1)))


def test_the_worse_of_both_ways_counts():
    line = np.arange(41)
    part, whole = line == 20, (line >= 10) & (line % 2 == 0)
    found = np.percentile(np.abs(line[whole] - 20), 95)
    assert found > 15
    assert hd95(part, whole, [1]) == hd95(whole, part, [1]) == pytest.approx(found)


def test_random_masks_agree_with_every_pair_of_voxels():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 8, 9, 10)) < 0.2
    spacing = (2.0, 1.0, 0.5)
    apart = cdist(np.argwhere(border(a)) * spacing, np.argwhere(border(b)) * spacing)
    expected = max(np.percentile(apart.min(axis=axis), 95) for axis in (0, 1))
    assert hd95(a, b, spacing) == pytest.approx(expected)
    assert hd95(b, a, spacing) == pytest.approx(expected)


def test_the_inside_is_no_border_and_the_edge_is():
    box = np.ones((5, 5), dtype=bool)
    assert border(box).sum() == 16


def test_each_label_by_its_name():
    a = np.array([0, 1, 1, 2, 2, 0])
    b = np.array([0, 0, 1, 1, 2, 0])
    row = by_label(a, b, {"CSF": 1, "GM": 2, "WM": 3}, [1.5])
    assert row["hd95_CSF"] == pytest.approx(1.425)
    assert np.isnan(row["hd95_WM"])


def test_label_maps_are_refused_as_masks():
    with pytest.raises(ValueError, match="boolean"):
        hd95(np.zeros(3), np.zeros(3), [1])
