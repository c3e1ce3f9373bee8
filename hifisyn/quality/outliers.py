"""Which cases are outliers of their cohort, and by which measurement."""

from dataclasses import dataclass

import numpy as np

from hifisyn.quality.measures import CohortMeasures, Measure

# Iglewicz and Hoaglin (1993), How to detect and handle outliers: the modified z-score and its threshold.
THRESHOLD = 3.5
FEWEST = 5
NORMAL_MAD, NORMAL_MEAN = 1.4826, 1.2533


@dataclass(frozen=True)
class Spread:
    """The median and the spread of a measurement over a cohort.

    Attributes:
        count: cases that have it.
        median: of them.
        mad: median absolute deviation from it.
        scale: standard deviation of a normal distribution of that spread; of the logarithm where `Measure.log` is set.
    """

    count: int
    median: float
    mad: float
    scale: float


@dataclass(frozen=True)
class Ranking:
    """The cases of a cohort, the farthest from it first.

    Attributes:
        order: (N,) places in the cohort; cases with a registration that is not trusted stand first.
        score: (N,) by place in the cohort: the largest |z| of all measurements.
        z: by key, (N,); see `robust_z`.
        spreads: by key.
        scored: whether the cohort is large enough for scores.
    """

    order: np.ndarray
    score: np.ndarray
    z: dict[str, np.ndarray]
    spreads: dict[str, Spread]
    scored: bool

    @property
    def outlier_count(self) -> int:
        """How many cases are beyond the threshold."""
        return int((self.score > THRESHOLD).sum())


@dataclass(frozen=True)
class Reason:
    """A measurement by which a case is far from its cohort.

    >>> print(Reason(Measure("brain_ml", "brain", "ml", lambda record, _: None), 812.2, Spread(40, 1424.4, 96.1, 142)))
    brain 812 ml, cohort median 1424 (MAD 96.1)
    """

    measure: Measure
    value: float
    spread: Spread

    def __str__(self) -> str:
        """Return the value beside the cohort's."""
        unit = self.measure.unit if self.measure.unit in ("", "%") else f" {self.measure.unit}"
        value, median, mad = map(format_number, (self.value, self.spread.median, self.spread.mad))
        return f"{self.measure.title} {value}{unit}, cohort median {median} (MAD {mad})"


def rank(cohort: CohortMeasures) -> Ranking:
    """Compare every measurement of every case with the cohort."""
    spreads = {measure.key: measure_spread(measure, cohort.values[measure.key]) for measure in cohort.measures}
    z = {
        measure.key: robust_z(measure, cohort.values[measure.key], spreads[measure.key]) for measure in cohort.measures
    }
    score = np.zeros(len(cohort.cases))
    for values in z.values():
        score = np.maximum(score, np.abs(values))
    trusted = np.array([case not in cohort.untrusted for case in cohort.cases], dtype=bool)
    return Ranking(np.lexsort((-score, trusted)), score, z, spreads, len(cohort.cases) >= FEWEST)


def measure_spread(measure: Measure, values: np.ndarray) -> Spread:
    """Return the median and the spread of a measurement.

    Where more than half of the cases agree exactly, the MAD is 0; the mean absolute deviation takes its place.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Spread(0, np.nan, np.nan, 0.0)
    median = float(np.median(finite))
    scaled = _scaled(measure, finite)
    distances = np.abs(scaled - np.median(scaled))
    scale = NORMAL_MAD * float(np.median(distances)) or NORMAL_MEAN * float(distances.mean())
    return Spread(len(finite), median, float(np.median(np.abs(finite - median))), scale)


def robust_z(measure: Measure, values: np.ndarray, spread: Spread) -> np.ndarray:
    """Return how many standard deviations each case lies from the median; 0 where the difference does not count.

    Differences do not count in fewer than five cases, below the measure's `least`, and on the harmless side. A scale
    below `least` / threshold, such as that of rounding errors, is raised to it.
    """
    if spread.count < FEWEST or measure.side == "none" or spread.scale == 0:
        return np.zeros(len(values))
    distances = _scaled(measure, values) - _scaled(measure, np.array(spread.median))
    least = np.log1p(measure.least) if measure.log else measure.least
    z = np.where(np.abs(distances) > least, distances / max(spread.scale, least / THRESHOLD), 0.0)
    if measure.side != "both":
        z = np.minimum(z, 0) if measure.side == "low" else np.maximum(z, 0)
    scores: np.ndarray = np.nan_to_num(z, nan=0.0)
    return scores


def reasons(cohort: CohortMeasures, ranking: Ranking, place: int, most: int = 4) -> list[Reason]:
    """Return by which measurements a case is an outlier, the farthest first; if by none, where it is farthest."""
    by_size = sorted(cohort.measures, key=lambda measure: -abs(ranking.z[measure.key][place]))
    beyond = [measure for measure in by_size if abs(ranking.z[measure.key][place]) > THRESHOLD]
    farthest = [measure for measure in by_size[:1] if ranking.z[measure.key][place]]
    return [
        Reason(measure, cohort.values[measure.key][place], ranking.spreads[measure.key])
        for measure in (beyond or farthest)[:most]
    ]


def find_outliers(ranking: Ranking, measure: Measure) -> list[int]:
    """Return the places of the cases that are outliers by one measurement, the farthest first."""
    z = np.abs(ranking.z[measure.key])
    beyond = np.flatnonzero(z > THRESHOLD)
    return [int(place) for place in beyond[np.argsort(-z[beyond], kind="stable")]]


def format_number(value: float) -> str:
    """Return a number with three digits, four where it is large.

    >>> [format_number(x) for x in (1424.44, 87.26, 0.00123, 0.0, float("nan"))]
    ['1424', '87.3', '0.0012', '0', 'n/a']
    """
    if not np.isfinite(value):
        return "n/a"
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 0.01 else f"{value:.2g}"


def _scaled(measure: Measure, values: np.ndarray) -> np.ndarray:
    """Return the values on the scale on which differences count: their logarithms where factors do."""
    return np.log(np.maximum(values, 1e-9)) if measure.log else values
