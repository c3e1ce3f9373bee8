"""Whether the error that a model expects is the error that it makes."""

import numpy as np
from scipy.stats import spearmanr

BINS = 10


class Confidence:
    """Errors of patients beside what was expected."""

    def __init__(self) -> None:
        self.ranks: list[float] = []
        self.errors: list[np.ndarray] = []
        self.expected: list[np.ndarray] = []

    def add(
        self, image: np.ndarray, error: np.ndarray, truth: np.ndarray, brain: np.ndarray, middle: np.ndarray
    ) -> None:
        """Add a visit: stacks (S, H, W), and which slices count."""
        inside = brain[middle]
        found, expected = np.abs(image - truth)[middle][inside], error[middle][inside]
        self.ranks.append(float(spearmanr(found, expected).statistic))
        self.errors.append(found)
        self.expected.append(expected)

    def reliability(self) -> np.ndarray:
        """Return root mean square error over root mean square expectation in bins of as many pixels, (BINS,)."""
        errors, expected = np.concatenate(self.errors), np.concatenate(self.expected)
        order = np.array_split(np.argsort(expected, kind="stable"), BINS)
        return np.array([np.sqrt((errors[o] ** 2).mean() / (expected[o] ** 2).mean()) for o in order])

    def factor(self) -> float:
        """Return what brings the root mean square of the expected error to that of the error."""
        errors, expected = np.concatenate(self.errors), np.concatenate(self.expected)
        return float(np.sqrt((errors**2).mean() / (expected**2).mean()))

    def line(self) -> str:
        """Return the numbers in words."""
        bins = " ".join(f"{ratio:.2f}" for ratio in self.reliability())
        return f"Spearman {np.mean(self.ranks):+.2f}; error over expected {self.factor():.2f}; in ten bins {bins}"
