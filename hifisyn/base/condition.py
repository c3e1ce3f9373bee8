"""What the base model is told beside the slices: which contrasts are there, the pixel, and the look of the targets."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from hifisyn.base.contrasts import SLOTS, TARGETS, TISSUES
from hifisyn.errors import UserError

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


def _check(target: str, means: Sequence[float | None]) -> None:
    if target not in TARGETS:
        raise UserError(f"a look must be of {', '.join(TARGETS)}", got=target)
    known = [mean for mean in means if mean is not None]
    if len(means) != len(TISSUES) or not all(-1 <= mean <= 1 for mean in known):
        raise UserError(f"a look must be the means of {', '.join(TISSUES)} in [-1, 1]", got=list(means))
