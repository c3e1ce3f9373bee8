"""Which cases stand out from their cohort, by which number, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.quality.measures import CohortMeasures, Measure

# Iglewicz and Hoaglin (1993), How to detect and handle outliers: the modified z-score and its threshold.
THRESHOLD = 3.5
FEWEST = 5
NORMAL_MAD, NORMAL_MEAN = 1.4826, 1.2533


@dataclass(frozen=True)
class Spread:
    """The middle and the spread of a number over a cohort.

    Attributes:
        count: cases that have it.
        median: of them.
        mad: median absolute deviation from it.
        scale: standard deviation of a normal distribution of that spread; logarithm where the measure says so.
    """

    count: int
    median: float
    mad: float
    scale: float


@dataclass(frozen=True)
class Ranking:
    """The cases of a cohort, those that stand out most first.

    Attributes:
        order: (N,) places in the cohort.
        score: (N,) by place in the cohort: the largest |z| of the judged numbers; 0 where none was judged.
        z: by key, (N,); 0 where not judged or on the harmless side.
        spreads: by key.
        judged: whether the cohort is large enough.
    """

    order: np.ndarray
    score: np.ndarray
    z: dict[str, np.ndarray]
    spreads: dict[str, Spread]
    judged: bool

    @property
    def outstanding(self) -> int:
        """How many cases are beyond the threshold."""
        return int((self.score > THRESHOLD).sum())


def rank(cohort: CohortMeasures) -> Ranking:
    """Judge every number of every case against the cohort."""
    judged = len(cohort.cases) >= FEWEST
    spreads = {measure.key: spread(measure, cohort.values[measure.key]) for measure in cohort.measures}
    z = {
        measure.key: robust_z(measure, cohort.values[measure.key], spreads[measure.key]) for measure in cohort.measures
    }
    score = np.zeros(len(cohort.cases))
    for values in z.values():
        score = np.maximum(score, np.abs(values))
    return Ranking(np.argsort(-score, kind="stable"), score, z, spreads, judged)


def spread(measure: Measure, values: np.ndarray) -> Spread:
    """Measure the middle and the spread of a number.

    Where more than half of the cases agree exactly, the MAD is 0; the mean absolute deviation takes its place.
    """
    there = values[np.isfinite(values)]
    if not len(there):
        return Spread(0, np.nan, np.nan, 0.0)
    median = float(np.median(there))
    counted = _counted(measure, there)
    away = np.abs(counted - np.median(counted))
    scale = NORMAL_MAD * float(np.median(away)) or NORMAL_MEAN * float(away.mean())
    return Spread(len(there), median, float(np.median(np.abs(there - median))), scale)


def robust_z(measure: Measure, values: np.ndarray, cohort: Spread) -> np.ndarray:
    """Return how many standard deviations each case lies from the median; 0 where that is not judged.

    Not judged: numbers of fewer than five cases, differences below the measure's `least`, the harmless side. A spread
    that is smaller than `least` / threshold, such as that of rounding errors, counts as that.
    """
    if cohort.count < FEWEST or measure.side == "none" or cohort.scale == 0:
        return np.zeros(len(values))
    away = _counted(measure, values) - _counted(measure, np.array(cohort.median))
    least = np.log1p(measure.least) if measure.log else measure.least
    z = np.where(np.abs(away) > least, away / max(cohort.scale, least / THRESHOLD), 0.0)
    if measure.side != "both":
        z = np.minimum(z, 0) if measure.side == "low" else np.maximum(z, 0)
    scores: np.ndarray = np.nan_to_num(z, nan=0.0)
    return scores


def reasons(cohort: CohortMeasures, ranking: Ranking, place: int, most: int = 4) -> list[str]:
    """Return in words what stands out of a case, the worst first; where nothing does, what is farthest."""
    by_size = sorted(cohort.measures, key=lambda measure: -abs(ranking.z[measure.key][place]))
    beyond = [m for m in by_size if abs(ranking.z[m.key][place]) > THRESHOLD]
    farthest = [m for m in by_size[:1] if ranking.z[m.key][place]]
    return [
        in_words(measure, cohort.values[measure.key][place], ranking.spreads[measure.key])
        for measure in (beyond or farthest)[:most]
    ]


def in_words(measure: Measure, value: float, cohort: Spread) -> str:
    """Return a number beside the cohort's.

    >>> brain = Measure("brain_ml", "brain", "ml", lambda record, _: None)
    >>> in_words(brain, 812.2, Spread(40, 1424.4, 96.1, 142.5))
    'brain 812 ml, cohort median 1424 (MAD 96.1)'
    """
    unit = f" {measure.unit}" if measure.unit and measure.unit != "%" else measure.unit
    return f"{measure.title} {figure(value)}{unit}, cohort median {figure(cohort.median)} (MAD {figure(cohort.mad)})"


def figure(value: float) -> str:
    """Return a number as a reader wants it: three digits, four where it is large.

    >>> [figure(x) for x in (1424.44, 87.26, 0.00123, 0.0, float("nan"))]
    ['1424', '87.3', '0.0012', '0', 'n/a']
    """
    if not np.isfinite(value):
        return "n/a"
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 0.01 else f"{value:.2g}"


def outliers(cohort: CohortMeasures, ranking: Ranking, measure: Measure) -> Sequence[int]:
    """Return the places of the cases that stand out by one number, the farthest first."""
    z = np.abs(ranking.z[measure.key])
    beyond = np.flatnonzero(z > THRESHOLD)
    return [int(place) for place in beyond[np.argsort(-z[beyond], kind="stable")]]


def _counted(measure: Measure, values: np.ndarray) -> np.ndarray:
    """Return the values as differences count: their logarithms where factors do."""
    return np.log(np.maximum(values, 1e-9)) if measure.log else values
