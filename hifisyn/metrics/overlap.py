"""How alike two segmentations are: Dice and volumetric similarity."""

import numpy as np


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Return 2 |A and B| / (|A| + |B|) of two boolean arrays of one shape; NaN where both are empty.

    >>> dice(np.array([1, 1, 0], bool), np.array([1, 0, 0], bool))
    0.6666666666666666
    """
    _alike(a, b)
    both = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / both if both else float("nan")


def volumetric_similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return 1 - | |A| - |B| | / (|A| + |B|), blind to place (Taha and Hanbury, BMC Med. Imaging 15:29, 2015).

    NaN where both are empty.

    >>> volumetric_similarity(np.array([1, 1, 1], bool), np.array([1, 0, 0], bool))
    0.5
    """
    _alike(a, b)
    first, second = int(a.sum()), int(b.sum())
    return 1 - abs(first - second) / (first + second) if first + second else float("nan")


def by_label(a: np.ndarray, b: np.ndarray, labels: dict[str, int]) -> dict[str, float]:
    """Return `dice_<name>` and `vs_<name>` of each label of two label maps."""
    row = {}
    for name, value in labels.items():
        row[f"dice_{name}"] = dice(a == value, b == value)
        row[f"vs_{name}"] = volumetric_similarity(a == value, b == value)
    return row


def _alike(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.dtype != bool or b.dtype != bool:
        raise ValueError(f"must be boolean arrays of one shape, got {a.dtype} {a.shape} and {b.dtype} {b.shape}")
