"""The slices above and below a slice: which stand for neighbours that are not there."""

from collections.abc import Sequence

import numpy as np


def neighbour_places(covered: Sequence[int] | np.ndarray, place: int, context: int) -> np.ndarray:
    """Return the 2 * context + 1 places of a stack around `place`, ascending, from inferior to superior.

    A neighbour that is not covered, or lies beyond the stack, is replaced by the covered slice nearest to it; of two
    that are equally near, by the one closer to `place`. The slice at `place` itself counts as covered.

    Args:
        covered: places of the slices that the contrast covers.
        place: of the centre slice.
        context: neighbours on each side.

    >>> neighbour_places([0, 1, 2, 4], 2, 2)
    array([0, 1, 2, 2, 4])
    """
    there = np.union1d(np.asarray(covered, dtype=int), [place])
    there = there[np.argsort(np.abs(there - place), kind="stable")]  # argmin takes the first of equals
    wanted = place + np.arange(-context, context + 1)
    return np.asarray(there[np.abs(there - wanted[:, None]).argmin(axis=1)])


def with_neighbours(stack: np.ndarray, covered: np.ndarray, places: Sequence[int], context: int) -> np.ndarray:
    """Return slices of a stack, each with its neighbours: (len(places), 2 * context + 1, H, W).

    Args:
        stack: (S, H, W), from inferior to superior.
        covered: (S,) bool, the slices that the contrast covers; what stands for others: see `neighbour_places`.
        places: of the centre slices in the stack.
        context: neighbours on each side; 0: the slices alone.
    """
    there = np.flatnonzero(covered)
    chosen = [neighbour_places(there, place, context) for place in places]
    return np.asarray(stack[np.array(chosen, dtype=int).reshape(-1, 2 * context + 1)])
