"""Which slices stand above and below a slice, against a search one by one."""

import numpy as np
import pytest

from hifisyn.preprocessing.neighbours import neighbour_places, with_neighbours


def searched(covered, place, wanted):
    """Look further and further from the wanted place, first towards the centre slice."""
    inward = np.sign(place - wanted)
    for distance in range(1000):
        for candidate in (wanted + inward * distance, wanted - inward * distance):
            if candidate == place or (0 <= candidate < len(covered) and covered[candidate]):
                return candidate
    raise AssertionError("the centre slice is always there")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("context", [0, 1, 3, 12])
def test_neighbours_are_those_that_a_search_finds(seed, context):
    rng = np.random.default_rng(seed)
    covered = rng.random(9) < rng.choice([0.3, 0.7, 1])
    stack = rng.normal(size=(9, 4, 3)).astype(np.float32)
    places = [int(place) for place in rng.permutation(9)[:5]]
    found = with_neighbours(stack, covered, places, context)
    assert (found.shape, found.dtype) == ((5, 2 * context + 1, 4, 3), np.float32)
    for row, place in zip(found, places, strict=True):
        for image, wanted in zip(row, range(place - context, place + context + 1), strict=True):
            np.testing.assert_array_equal(image, stack[searched(covered, place, wanted)])


def test_neighbours_in_the_middle_are_the_slices_below_and_above():
    assert neighbour_places(range(9), 4, 2).tolist() == [2, 3, 4, 5, 6]


def test_beyond_the_stack_the_last_slice_is_repeated():
    assert neighbour_places(range(9), 0, 2).tolist() == [0, 0, 0, 1, 2]
    assert neighbour_places(range(9), 7, 3).tolist() == [4, 5, 6, 7, 8, 8, 8]


def test_what_is_not_covered_is_replaced_by_the_nearest_and_of_two_by_the_one_closer_to_the_centre():
    assert neighbour_places([3, 4, 5], 3, 2).tolist() == [3, 3, 3, 4, 5]
    assert neighbour_places([0, 1, 2, 4, 5], 2, 2).tolist() == [0, 1, 2, 2, 4]
    assert neighbour_places([0, 1, 2, 5], 2, 2).tolist() == [0, 1, 2, 2, 5]
    assert neighbour_places([], 6, 1).tolist() == [6, 6, 6]


def test_no_neighbours_are_the_slices_alone():
    stack = np.random.default_rng(0).normal(size=(5, 3, 2))
    np.testing.assert_array_equal(with_neighbours(stack, np.ones(5, bool), [4, 0], 0), stack[[4, 0], None])
    assert with_neighbours(stack, np.ones(5, bool), [], 2).shape == (0, 5, 3, 2)
