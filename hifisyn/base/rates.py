"""The learning rate of one cycle: up and down again, along half cosines."""

import math

FIRST, LAST = 1 / 25, 1e-4


def one_cycle(step: int, steps: int, warm_up: float) -> float:
    """Return the share of the highest rate in a step (Smith, arXiv 1803.09820).

    Args:
        step: from 0.
        steps: of the run.
        warm_up: share of the steps in which the rate rises.

    >>> [round(one_cycle(step, 101, 0.5), 2) for step in (0, 25, 50, 75, 100)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    place = step / max(1, steps - 1)
    if place < warm_up:
        return _between(FIRST, 1.0, place / warm_up)
    return _between(1.0, LAST, (place - warm_up) / (1 - warm_up))


def _between(first: float, last: float, place: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * place)) / 2
