"""The numbers of a training's directions, as lines tell them: each of two, the mean and the lowest of more."""

from collections.abc import Mapping

import numpy as np

from hifisyn.directions import Direction
from hifisyn.metrics.image import finite_mean

MOST_TOLD = 2
LOWEST_OF = "ssim_brain"


def by_direction(numbers: Mapping[str, float]) -> dict[Direction, dict[str, float]]:
    """Return numbers named as in T1_to_T2/psnr by direction and measure; what is of no direction is left out."""
    found: dict[Direction, dict[str, float]] = {}
    for name, value in numbers.items():
        key, _, measure = name.partition("/")
        if "_to_" in key and measure:
            found.setdefault(Direction.parse(key), {})[measure] = value
    return found


def mean_over_directions(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the mean of each measure over the directions that have it.

    >>> mean_over_directions({"T1_to_T2/psnr": 21.0, "T2_to_T1/psnr": 19.5, "epoch": 3})
    {'psnr': 20.25}
    """
    ways = by_direction(numbers)
    measures = dict.fromkeys(measure for own in ways.values() for measure in own)
    return {m: finite_mean(np.array([own[m] for own in ways.values() if m in own])) for m in measures}


def told(numbers: Mapping[str, float], words: Mapping[str, str], between: str = " ") -> list[str]:
    """Return a text a direction, or for more than two one text of all.

    >>> told({"T1_to_T2/psnr": 21.0, "T2_to_T1/psnr": 19.5}, {"psnr": "PSNR"})
    ['T1->T2: PSNR 21', 'T2->T1: PSNR 19.5']

    Args:
        numbers: named as in T1_to_T2/psnr.
        words: measures to tell, and what they are called.
        between: stands between the measures.
    """
    ways = by_direction(numbers)
    if len(ways) <= MOST_TOLD:
        return [f"{'->'.join(way)}: {_listed(own, words, between)}" for way, own in ways.items()]
    text = f"mean of {len(ways)} directions: {_listed(mean_over_directions(numbers), words, between)}"
    known = {way: own[LOWEST_OF] for way, own in ways.items() if LOWEST_OF in own}
    if known:
        lowest = min(known, key=known.__getitem__)
        text += f", lowest {words[LOWEST_OF]} {known[lowest]:.3g} ({'->'.join(lowest)})"
    return [text]


def _listed(own: Mapping[str, float], words: Mapping[str, str], between: str) -> str:
    return between.join(f"{word} {own[measure]:.3g}" for measure, word in words.items() if measure in own)
