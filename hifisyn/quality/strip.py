"""A number over a cohort as a small drawing: how often each value comes, and which cases stand out."""

from collections.abc import Sequence
from html import escape

import numpy as np

from hifisyn.quality.measures import Measure
from hifisyn.quality.outliers import Spread, figure

WIDTH, HEIGHT, BASE, EDGE = 300, 46, 34, 6
BARS, FEW, REACH, MOST_MARKS = 60, 60, 8, 60


def strip(measure: Measure, values: np.ndarray, cohort: Spread, outside: Sequence[tuple[str, float]]) -> str:
    """Return an SVG: bars, or one line a case where there are few; a line at the median; a mark at each outlier.

    What lies more than 8 standard deviations from the median is drawn at the edge, so that one case does not press all
    others together.

    Args:
        measure: of the number.
        values: (N,), NaN where a case lacks it.
        cohort: its middle and spread.
        outside: cases that stand out and their values.
    """
    there = values[np.isfinite(values)]
    low, high = _range(measure, there, cohort)
    places = _place(there, low, high)
    shapes = [f'<line class="axis" x1="0" x2="{WIDTH}" y1="{BASE}" y2="{BASE}"/>']
    shapes += _lines(places) if len(there) <= FEW else _bars(places)
    middle = float(_place(np.array(cohort.median), low, high))
    shapes.append(f'<line class="median" x1="{middle:.1f}" x2="{middle:.1f}" y1="4" y2="{BASE + 4}"/>')
    for case, value in outside[:MOST_MARKS]:
        at = float(_place(np.array(value), low, high))
        words = escape(f"{case}: {figure(value)}")
        shapes.append(f'<circle class="out" cx="{at:.1f}" cy="{BASE + 6}" r="3.5"><title>{words}</title></circle>')
    label = escape(
        f"{measure.title}: {cohort.count} cases, {figure(there.min())} to {figure(there.max())}, "
        f"median {figure(cohort.median)}, {len(outside)} stand out"
    )
    return (
        f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join(shapes)}</svg>"
    )


def _range(measure: Measure, there: np.ndarray, cohort: Spread) -> tuple[float, float]:
    """Return the values at the left and the right edge."""
    away = REACH * max(cohort.scale, measure.least / 2)
    if measure.log:
        near, far = cohort.median * np.exp(-away), cohort.median * np.exp(min(away, 50.0))
    else:
        near, far = cohort.median - away, cohort.median + away
    low, high = max(float(there.min()), near), min(float(there.max()), far)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _place(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return where values are drawn, pixels from the left; what lies beyond the edges at the edges."""
    return EDGE + (np.clip(values, low, high) - low) / (high - low) * (WIDTH - 2 * EDGE)


def _lines(places: np.ndarray) -> list[str]:
    return [f'<rect class="bar" x="{p - 1:.1f}" y="10" width="2" height="{BASE - 10}" opacity="0.6"/>' for p in places]


def _bars(places: np.ndarray) -> list[str]:
    counts, edges = np.histogram(places, bins=BARS, range=(EDGE, WIDTH - EDGE))
    width, tallest = edges[1] - edges[0], counts.max()
    return [
        f'<rect class="bar" x="{left:.1f}" y="{BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        for left, height in zip(edges[:-1], np.maximum(counts / tallest * (BASE - 6), np.sign(counts)), strict=True)
        if height
    ]
