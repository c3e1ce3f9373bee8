import numpy as np
import pytest

from hifisyn.preprocessing.edges import NEAR_MM, compare_edges, share_met


def disc(radius, centre=(0.0, 0.0), size=161, pixel_mm=0.8, low=20.0, high=100.0):
    """A disc of `radius` mm around `centre` mm, smooth over a pixel."""
    y, x = (np.indices((size, size)) - size // 2) * pixel_mm
    distance = np.hypot(x - centre[0], y - centre[1])
    return low + (high - low) / (1 + np.exp((distance - radius) / 0.4))


BRAIN = disc(55) > 60


@pytest.mark.parametrize(("shift", "met"), [(0.0, 1.0), (1.0, 1.0), (4.0, None), (12.0, None)])
def test_edges_are_met_where_the_other_lies_within_the_tolerance(shift, met):
    reference, other = disc(30), disc(30, (shift, 0.0))
    found = compare_edges(reference, other, BRAIN, 0.8)
    share = share_met([found])
    assert share is not None
    if met is None:
        # a border moved by s along x lies |s cos a| away at angle a; that is within t for 2/pi asin(t/s) of the circle
        assert share == pytest.approx(2 / np.pi * np.arcsin(NEAR_MM / shift), abs=0.15)
    else:
        assert share == pytest.approx(met, abs=0.03)


def test_edges_lie_on_the_border_and_do_not_depend_on_units_or_sign():
    reference = disc(30)
    found = compare_edges(reference, 4000 - 7 * disc(30), BRAIN, 0.8)
    edges = found.met | found.missed
    y, x = (np.argwhere(edges) - 80).T * 0.8
    assert np.abs(np.hypot(x, y) - 30).max() < 1.2
    assert len(x) > 150
    assert not found.missed.any()


def test_nothing_far_from_the_brain_counts():
    reference = disc(30) + disc(6, (-52, -52))
    found = compare_edges(reference, disc(30), disc(40) > 60, 0.8)
    y, x = (np.argwhere(found.met | found.missed) - 80).T * 0.8
    assert np.hypot(x, y).max() < 45


def test_without_edges_there_is_no_share():
    even = np.full((80, 80), 7.0)
    assert share_met([compare_edges(even, even, np.ones((80, 80), bool), 1.0)]) is None
    lost = compare_edges(disc(30), np.zeros((161, 161)), BRAIN, 0.8)
    assert share_met([lost]) == 0
