"""What the base model is told beside the slices: which contrasts are there, the pixel, and the look of the targets."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from scipy.cluster.vq import kmeans2

from hifisyn.base.contrasts import SLOTS, TARGETS, TISSUES
from hifisyn.errors import UserError
from hifisyn.intensities import OUTSIDE

FIRST_CLUSTERS = (10, 40, 80)  # percentiles
LENGTH = len(SLOTS) + 1 + 2 * len(TARGETS) * len(TISSUES)

# Mean of CSF, grey matter, white matter and lesion of each target, in [-1, 1]; none where it is not known.
Look = Mapping[str, Sequence[float | None]]


def condition(given: Collection[str], pixel_mm: float, look: Look | None = None) -> np.ndarray:
    """Return the numbers (LENGTH,) float32 that a slice comes with.

    Args:
        given: slots that hold an image.
        pixel_mm: side of a pixel in mm, above 0.
        look: of some targets or none.

    Raises:
        UserError: a look of no target, or not of four numbers in [-1, 1].

    >>> condition(["T1"], 1.0, {"T2": (0.9, 0.1, -0.2, None)}).nonzero()[0]
    array([ 0, 11, 12, 13, 23, 24, 25])
    """
    look = look or {}
    for target, means in look.items():
        _check(target, means)
    told = [mean for target in TARGETS for mean in look.get(target, (None,) * len(TISSUES))]
    values = [0.0 if mean is None else float(mean) for mean in told]
    flags = [float(mean is not None) for mean in told]
    there = [float(slot in given) for slot in SLOTS]
    return np.array([*there, math.log(pixel_mm), *values, *flags], dtype=np.float32)


def tissue_means(image: np.ndarray, labels: np.ndarray) -> list[float | None]:
    """Return the mean of each tissue of an image, none where there is none of it.

    Args:
        image: any shape, in [-1, 1].
        labels: of the same shape, 1 to 4 in the order of `TISSUES`.
    """
    masks = [labels == value for value in range(1, len(TISSUES) + 1)]
    return [float(image[mask].mean(dtype=np.float64)) if mask.any() else None for mask in masks]


def cluster(t1: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return labels whose CSF, grey and white matter are three clusters of a T1's brightness, as Atropos finds them.

    Where scans are labelled by their own brightness, partial volume counts as tissue: a look of exact labels is not
    that of a cohort.

    Args:
        t1: any shape, in [-1, 1], -1 outside the brain.
        labels: of the same shape, 1 to 4 in the order of `TISSUES`, 0 elsewhere; lesions stay.
    """
    brain, lesion = t1 > OUTSIDE, labels == TISSUES.index("lesion") + 1
    found = np.where(lesion, labels, np.uint8(0))
    seen = brain & ~lesion
    if seen.any():
        values = t1[seen].astype(np.float64)
        start = np.percentile(values, FIRST_CLUSTERS)
        centres, nearest = kmeans2(values, start, minit="matrix", missing="warn")
        found[seen] = np.argsort(np.argsort(centres))[nearest] + 1
    return found


def _check(target: str, means: Sequence[float | None]) -> None:
    if target not in TARGETS:
        raise UserError(f"a look must be of {', '.join(TARGETS)}", got=target)
    known = [mean for mean in means if mean is not None]
    if len(means) != len(TISSUES) or not all(-1 <= mean <= 1 for mean in known):
        raise UserError(f"a look must be the means of {', '.join(TISSUES)} in [-1, 1]", got=list(means))
