"""A measurement over a cohort as a small drawing: how its values are distributed, and which cases are outliers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.quality.measures import Measure
from hifisyn.quality.outliers import Spread

WIDTH, HEIGHT, BASE, EDGE = 300, 46, 34, 6
BARS, FEW, REACH, MOST_MARKS = 60, 60, 8, 60
LINE_WIDTH, LINE_TOP = 2, 10


@dataclass(frozen=True)
class Bar:
    """A bar on the axis, in pixels from the left and the top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """An outlier, `x` pixels from the left."""

    x: float
    case: str
    value: float


@dataclass(frozen=True)
class Strip:
    """What quality/strip.svg.jinja draws.

    Attributes:
        bars: of a histogram, or one line a case where there are few.
        overlapping: the bars are lines, which may lie on each other.
        median_x: pixels from the left.
        marks: the farthest outliers.
        lowest: value of all cases.
        highest: value of all cases.
        width: of the drawing, pixels.
        height: of the drawing, pixels.
        base: where the axis is, pixels from the top.
    """

    bars: list[Bar]
    overlapping: bool
    median_x: float
    marks: list[Mark]
    lowest: float
    highest: float
    width: int = WIDTH
    height: int = HEIGHT
    base: int = BASE


def lay_out_strip(measure: Measure, values: np.ndarray, spread: Spread, outliers: Sequence[tuple[str, float]]) -> Strip:
    """Lay out the drawing of a measurement.

    What lies more than 8 standard deviations from the median is drawn at the edge, so that one case does not press all
    others together.

    Args:
        measure: what was measured.
        values: (N,), NaN where a case lacks it; at least one is finite.
        spread: of the values.
        outliers: cases and their values, the farthest first.
    """
    finite = values[np.isfinite(values)]
    low, high = _range(measure, finite, spread)
    places = _place(finite, low, high)
    few = len(finite) <= FEW
    return Strip(
        bars=_lines(places) if few else _histogram(places),
        overlapping=few,
        median_x=float(_place(np.array(spread.median), low, high)),
        marks=[Mark(float(_place(np.array(value), low, high)), case, value) for case, value in outliers[:MOST_MARKS]],
        lowest=float(finite.min()),
        highest=float(finite.max()),
    )


def _range(measure: Measure, finite: np.ndarray, spread: Spread) -> tuple[float, float]:
    """Return the values at the left and the right edge."""
    reach = REACH * max(spread.scale, measure.least / 2)
    if measure.log:
        near, far = spread.median * np.exp(-reach), spread.median * np.exp(min(reach, 50.0))
    else:
        near, far = spread.median - reach, spread.median + reach
    low, high = max(float(finite.min()), near), min(float(finite.max()), far)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _place(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where values are drawn, pixels from the left; what lies beyond the edges at the edges."""
    return EDGE + (np.clip(values, low, high) - low) / (high - low) * (WIDTH - 2 * EDGE)


def _lines(places: np.ndarray) -> list[Bar]:
    return [Bar(float(x) - LINE_WIDTH / 2, LINE_TOP, LINE_WIDTH, BASE - LINE_TOP) for x in places]


def _histogram(places: np.ndarray) -> list[Bar]:
    counts, edges = np.histogram(places, bins=BARS, range=(EDGE, WIDTH - EDGE))
    width, tallest = float(edges[1] - edges[0]), counts.max()
    heights = np.maximum(counts / tallest * (BASE - 6), np.sign(counts))
    return [
        Bar(float(left), BASE - float(height), width, float(height))
        for left, height in zip(edges[:-1], heights, strict=True)
        if height
    ]
