"""Whether the error that a model expects is the error that it makes."""

import numpy as np

from hifisyn.metrics import confidence

FLOORS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # quantiles of the learnt scales that are tried as the least
LOST = 0.005  # of the rank correlation, that a least error may cost


class Confidence:
    """Errors of patients beside what was expected."""

    def __init__(self) -> None:
        self.ranks: list[float] = []
        self.areas: list[float] = []
        self.errors: list[np.ndarray] = []
        self.expected: list[np.ndarray] = []

    def add(
        self, image: np.ndarray, error: np.ndarray, truth: np.ndarray, brain: np.ndarray, middle: np.ndarray
    ) -> None:
        """Add a visit: stacks (S, H, W), and which slices count."""
        inside = brain[middle]
        found, expected = np.abs(image - truth)[middle][inside], error[middle][inside]
        self.areas.append(confidence.area_under_sparsification_error(found, expected))
        self.ranks.append(confidence.rank_correlation(found, expected))
        self.errors.append(found)
        self.expected.append(expected)

    def reliability(self) -> np.ndarray:
        """Return root mean square error over what Laplace's distribution expects, in ten bins of as many pixels.

        Of that distribution the root mean square is the square root of 2 times the mean absolute value. All visits
        together; `hifisyn.metrics.confidence.reliability` is of mean errors, and needs no distribution.
        """
        return _bins(np.concatenate(self.errors), np.concatenate(self.expected))

    def calibration(self) -> tuple[float, float]:
        """Return the factor and the least error that leave the ten bins nearest to 1; see `hifisyn.base.calibration`.

        Learnt scales are cut at some quantile, where their order is no worse for it.
        """
        errors, scales = np.concatenate(self.errors), np.concatenate(self.expected)
        least_order = confidence.rank_correlation(errors, scales) - LOST
        tried = []
        for cut in np.quantile(scales, FLOORS):
            expected = np.maximum(scales, cut)
            bins = _bins(errors, expected)
            factor = float(np.exp(np.log(bins).mean()))
            if confidence.rank_correlation(errors, expected) >= least_order:
                tried.append((float(np.abs(np.log(bins / factor)).max()), factor, factor * float(cut)))
        _, factor, least = min(tried)
        return round(factor, 3), round(least, 4)

    def factor(self) -> float:
        """Return the mean absolute error over the mean that was expected, all visits together."""
        return confidence.error_over_expected(np.concatenate(self.errors), np.concatenate(self.expected))

    def line(self) -> str:
        """Return the numbers in words."""
        bins = " ".join(f"{ratio:.2f}" for ratio in self.reliability())
        ranks = f"Spearman {np.mean(self.ranks):+.2f}; AUSE {np.mean(self.areas):.2f}"
        return f"{ranks}; error over expected {self.factor():.2f}; in ten bins {bins}"


def _bins(errors: np.ndarray, expected: np.ndarray) -> np.ndarray:
    order = np.array_split(np.argsort(expected, kind="stable"), confidence.BINS)
    return np.array([np.sqrt((errors[o] ** 2).mean() / (2 * expected[o] ** 2).mean()) for o in order])
