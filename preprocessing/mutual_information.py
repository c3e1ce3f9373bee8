"""How much one image says about another, from their joint histogram."""

import numpy as np

BINS = 32


def joint_histogram(a: np.ndarray, b: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Return the joint distribution of two samples of equal length, (bins, bins), sum 1.

    The bins span the 0.5th to the 99.5th percentile; what lies beyond falls into the outermost.
    """
    joint = np.bincount(_binned(a, bins) * bins + _binned(b, bins), minlength=bins * bins).reshape(bins, bins)
    distribution: np.ndarray = joint / joint.sum()
    return distribution


def mutual_information(a: np.ndarray, b: np.ndarray, bins: int = BINS) -> float:
    """Return the mutual information of two samples of equal length, nats: H(a) + H(b) - H(a, b).

    >>> x = np.arange(1000.0)
    >>> round(mutual_information(x, -x, bins=10), 2), round(mutual_information(x, np.ones(1000)), 2)
    (2.3, 0.0)
    """
    own, other, both = _entropies(joint_histogram(a, b, bins))
    return max(0.0, own + other - both)


def normalised_mutual_information(a: np.ndarray, b: np.ndarray, bins: int = BINS) -> float:
    """Return (H(a) + H(b)) / H(a, b), from 1, independent, to 2, one a function of the other.

    Studholme, Hill and Hawkes (1999), An overlap invariant entropy measure of 3D medical image alignment.

    >>> x = np.arange(1000.0)
    >>> round(normalised_mutual_information(x, -x), 2), round(normalised_mutual_information(x, np.ones(1000)), 2)
    (2.0, 1.0)
    """
    own, other, both = _entropies(joint_histogram(a, b, bins))
    return (own + other) / both if both else 1.0


def excess_information(a: np.ndarray, b: np.ndarray, bins: int = BINS) -> float:
    """Return the mutual information above what independent samples of this size show, nats; it may be negative.

    Few samples share their bins by chance: by (bins - 1)^2 / 2n nats (Miller 1955), filled bins only.
    """
    joint = joint_histogram(a, b, bins)
    filled_a, filled_b = (int((joint.sum(axis=axis) > 0).sum()) for axis in (1, 0))
    own, other, both = _entropies(joint)
    return own + other - both - (filled_a - 1) * (filled_b - 1) / (2 * len(a))


def _entropies(joint: np.ndarray) -> tuple[float, float, float]:
    return _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0)), _entropy(joint)


def _entropy(p: np.ndarray) -> float:
    filled = p[p > 0]
    return float(-(filled * np.log(filled)).sum())


def _binned(values: np.ndarray, bins: int) -> np.ndarray:
    low, high = np.percentile(values, [0.5, 99.5])
    scaled = (values - low) * (bins / ((high - low) or 1.0))
    numbers: np.ndarray = np.clip(scaled, 0, bins - 1).astype(np.int64)
    return numbers
