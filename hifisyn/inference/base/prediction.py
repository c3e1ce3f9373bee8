"""A head's scans in, synthetic volumes on the grid of the first out, by the base model."""

from collections.abc import Mapping, Sequence

import numpy as np

from hifisyn.base.translate import BaseModel
from hifisyn.inference.base.look import TargetLook
from hifisyn.inference.prediction import Prediction, Translated, in_scanner_units
from hifisyn.intensities import OUTSIDE
from hifisyn.preprocessing.prepare_case import PreparedCase
from hifisyn.volume import Volume

FULL_SCALE = 1000.0
IN_BRAIN = np.nextafter(np.float32(OUTSIDE), np.float32(0))  # brain as dark as air is brain, to be synthesised
FARTHEST_MM = 8.0  # neighbours farther apart than simulated ones ever are say nothing of a slice


def translate_case(
    model: BaseModel,
    case: PreparedCase,
    slots: Mapping[str, str],
    looks: Mapping[str, TargetLook] | None = None,
    *,
    mirror: bool = False,
) -> dict[str, Translated]:
    """Translate the slices of a prepared case into every target.

    Args:
        model: the base model.
        case: the scans.
        slots: slot of the model to contrast, see `recognise`; what was left out of the case stays empty.
        looks: what targets are to look like.
        mirror: average over each image and its mirror image.
    """
    images = scans_as_given(case)
    given = {slot: images[contrast] for slot, contrast in slots.items() if contrast in images}
    told = {target: look.means for target, look in (looks or {}).items()}
    found = model.translate(given, case.pixel_mm, told or None, neighbours=near(case), mirror=mirror)
    return {target: Translated(image, error) for target, (image, error) in found.items()}


def scans_as_given(case: PreparedCase) -> dict[str, np.ndarray]:
    """Return the slices of each contrast as the model takes them, (S, H, W) in [-1, 1]."""
    first = case.reference
    return {**case.images, first.record.reference: np.where(first.brain, first.slices.clip(IN_BRAIN), OUTSIDE)}


def near(case: PreparedCase) -> bool:
    """Return whether slices lie near enough to say something of each other."""
    return case.slice_mm <= FARTHEST_MM


def predictions(
    found: Mapping[str, Translated],
    case: PreparedCase,
    scan: Volume,
    targets: Sequence[str],
    looks: Mapping[str, TargetLook] | None = None,
) -> dict[str, Prediction]:
    """Return the volumes of some targets, in the units of what they look like, else from 0 to 1000.

    Args:
        found: of `translate_case`.
        case: the scans as slices.
        scan: the reference as its file has it, whose grid the volumes get.
        targets: those to return.
        looks: what targets look like.
    """
    made = {}
    for target in targets:
        low, high = units(target, looks or {})
        made[target] = in_scanner_units(found[target], case.reference, scan, target, high - low, low)
    return made


def units(target: str, looks: Mapping[str, TargetLook]) -> tuple[float, float]:
    """Return the values of a volume at the dark and at the bright end of the model's range."""
    look = looks.get(target)
    return (look.low, look.high) if look else (0.0, FULL_SCALE)


def shown(case: PreparedCase, found: Mapping[str, Translated], target: str) -> dict[str, np.ndarray]:
    """Return the columns of a picture: what was given, what came out, and how far off it may be."""
    error = found[target].expected_error
    assert error is not None
    columns = {**case.images, f"synthetic {target}": found[target].slices}
    return columns | {"expected error": np.where(case.reference.brain, 2 * error - 1, -1)}
