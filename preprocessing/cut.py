"""An aligned case cut into slices to train on: every contrast resampled once, onto one grid, in [-1, 1]."""

from dataclasses import dataclass, replace

import numpy as np

from hifisyn.errors import UserError
from hifisyn.plans import Plans, SlicePlan
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.normalize import OUTSIDE, Intensity
from hifisyn.preprocessing.record import Grid, Record
from hifisyn.preprocessing.resample import resample, resample_mask
from hifisyn.preprocessing.slices_axial import between, brain_slices, slice_grid, to_slices, training_slices
from hifisyn.volume import Volume

LEAST_COVER = 0.99


@dataclass(frozen=True)
class Cut:
    """The slices of a case.

    Attributes:
        images: by modality, (S, H, W) float32 in [-1, 1], exactly -1 outside the brain.
        brain: (S, H, W) bool.
        label: (S, H, W) uint8, or none.
        record: what was done, with slice grid, indices and intensities.
    """

    images: dict[str, np.ndarray]
    brain: np.ndarray
    label: np.ndarray | None
    record: Record


def cut_case(aligned: Aligned, plans: Plans) -> Cut:
    """Cut the slices of a case to train on: every contrast resampled once, onto one grid.

    Slices that a contrast covers by less than 99 % of the brain are left out.

    Raises:
        UserError: no slice holds enough brain that all contrasts show, or a contrast is even.
    """
    grid = slice_grid(aligned.brain, plans.slices.pixel_mm, plans.slices.size)
    whole = to_slices(resample_mask(aligned.brain, grid)) > 0
    places = brain_slices(whole)
    if not places:
        raise _no_slices(aligned, plans)
    brain, held = whole[places[0] : places[-1] + 1], between(grid, places[0], places[-1])
    raw = {modality: to_slices(resample(image, held, fill=np.nan)) for modality, image in aligned.images.items()}
    kept = training_slices(_shown(raw, brain, plans.slices), plans.slices.min_brain, plans.slices.per_case)
    if not kept:
        raise _no_slices(aligned, plans)
    intensities = {m: fitted(values, brain, m, plans) for m, values in raw.items()}
    chosen = list(kept)
    images = {m: normalised(values[chosen], brain[chosen], intensities[m]) for m, values in raw.items()}
    label = None
    if aligned.label is not None:
        label = np.where(brain, to_slices(resample(aligned.label, held, order=0)), 0).astype(np.uint8)[chosen]
    record = replace(
        aligned.record.with_intensity(intensities),
        slice_grid=Grid.of(grid),
        slice_indices=tuple(places[0] + place for place in kept),
        outside_crop=outside(aligned.brain, whole, grid, plans.slices.crop),
    )
    return Cut(images, brain[chosen], label, record)


def _no_slices(aligned: Aligned, plans: Plans) -> UserError:
    return UserError(
        f"wanted slices of which brain covers {plans.slices.min_brain:.0%} and that "
        f"{', '.join(aligned.images)} all show, found none; look at the brain mask and at the registration"
    )


def fitted(values: np.ndarray, brain: np.ndarray, modality: str, plans: Plans) -> Intensity:
    """Return the map of a contrast's intensities in the brain to [-1, 1].

    Raises:
        UserError: the contrast is even there.
    """
    try:
        return normalize.fit(values, brain & np.isfinite(values), plans.preprocessing.upper_percentile)
    except ValueError as error:
        raise UserError(
            f"wanted a brain with contrast in {modality}, found none ({error}); look at the scan and its mask"
        ) from None


def normalised(values: np.ndarray, brain: np.ndarray, intensity: Intensity) -> np.ndarray:
    """Return values in [-1, 1], exactly -1 outside the brain and where the scan does not reach (NaN)."""
    return np.where(brain & np.isfinite(values), intensity.apply(values), np.float32(OUTSIDE))


def outside(mask: Volume, slices: np.ndarray, grid: Volume, crop: int) -> float:
    """Return the share of the brain that the centre windows do not hold."""
    first = (grid.shape[0] - crop) // 2
    held = slices[:, first : first + crop, first : first + crop].sum()
    share = 1 - held * grid.voxel_ml / max(mask.millilitres, 1e-9)
    return round(max(0.0, float(share)), 3)


def _shown(raw: dict[str, np.ndarray], brain: np.ndarray, plan: SlicePlan) -> np.ndarray:
    """Return the brain in the networks' field of view, (S, h, w), empty where a contrast does not show it."""
    first = (plan.size - plan.crop) // 2
    window = np.s_[:, first : first + plan.crop, first : first + plan.crop]
    inside = brain[window]
    area = np.maximum(inside.sum(axis=(1, 2)), 1)
    shown = np.ones(len(inside), dtype=bool)
    for values in raw.values():
        shown &= (inside & np.isfinite(values[window])).sum(axis=(1, 2)) >= LEAST_COVER * area
    return inside & shown[:, None, None]
