"""The numbers of a training's directions: their columns, and lines of each of two, or of the mean and the lowest."""

from collections.abc import Mapping

import numpy as np

from hifisyn.directions import Direction
from hifisyn.metrics.image import finite_mean

MOST_LISTED = 2
LOWEST_OF = "ssim_brain"


def column(direction: Direction, measure: str) -> str:
    """Return the name of a number among the metrics.

    >>> column(Direction("T1", "T2"), "psnr")
    'T1_to_T2/psnr'
    """
    return f"{direction.key}/{measure}"


def parse_column(name: str) -> tuple[Direction, str] | None:
    """Return direction and measure of a name that `column` returned; none of other names.

    >>> parse_column("T1_to_T2/psnr"), parse_column("loss/generator/cycle")
    ((Direction(source='T1', target='T2'), 'psnr'), None)
    """
    key, _, measure = name.partition("/")
    try:
        return (Direction.parse(key), measure) if measure else None
    except ValueError:
        return None


def by_direction(numbers: Mapping[str, float]) -> dict[Direction, dict[str, float]]:
    """Return numbers named as in T1_to_T2/psnr by direction and measure; what is of no direction is left out."""
    directions: dict[Direction, dict[str, float]] = {}
    for name, value in numbers.items():
        if direction_and_measure := parse_column(name):
            direction, measure = direction_and_measure
            directions.setdefault(direction, {})[measure] = value
    return directions


def mean_over_directions(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the mean of each measure over the directions that have it.

    >>> mean_over_directions({"T1_to_T2/psnr": 21.0, "T2_to_T1/psnr": 19.5, "epoch": 3})
    {'psnr': 20.25}
    """
    directions = by_direction(numbers)
    measures = dict.fromkeys(measure for own in directions.values() for measure in own)
    return {m: finite_mean(np.array([own[m] for own in directions.values() if m in own])) for m in measures}


def describe_directions(numbers: Mapping[str, float], words: Mapping[str, str], between: str = " ") -> list[str]:
    """Return a line for each direction, or for more than two one line of all.

    >>> describe_directions({"T1_to_T2/psnr": 21.0, "T2_to_T1/psnr": 19.5}, {"psnr": "PSNR"})
    ['T1->T2: PSNR 21', 'T2->T1: PSNR 19.5']

    Args:
        numbers: named as in T1_to_T2/psnr.
        words: measures to list, and what they are called.
        between: stands between the measures.
    """
    directions = by_direction(numbers)
    if len(directions) <= MOST_LISTED:
        return [f"{'->'.join(direction)}: {_listed(own, words, between)}" for direction, own in directions.items()]
    text = f"mean of {len(directions)} directions: {_listed(mean_over_directions(numbers), words, between)}"
    known = {direction: own[LOWEST_OF] for direction, own in directions.items() if LOWEST_OF in own}
    if known:
        lowest = min(known, key=known.__getitem__)
        text += f", lowest {words[LOWEST_OF]} {known[lowest]:.3g} ({'->'.join(lowest)})"
    return [text]


def _listed(own: Mapping[str, float], words: Mapping[str, str], between: str) -> str:
    return between.join(f"{word} {own[measure]:.3g}" for measure, word in words.items() if measure in own)
