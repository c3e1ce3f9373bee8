"""The slices of an aligned case: every contrast resampled once, onto one grid, in [-1, 1]."""

from dataclasses import dataclass, replace

import numpy as np

from hifisyn.errors import UserError
from hifisyn.intensities import OUTSIDE
from hifisyn.plans import Plans
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.align import Aligned
from hifisyn.preprocessing.normalize import Intensity
from hifisyn.preprocessing.record import Grid, Record
from hifisyn.preprocessing.resample import mask_on, resample, resample_mask
from hifisyn.preprocessing.slices_axial import between, brain_slices, slice_grid, to_slices, training_slices
from hifisyn.volume import Volume

LEAST_COVER = 0.99


@dataclass(frozen=True)
class CaseSlices:
    """The slices of a case: all S that hold brain.

    Attributes:
        images: by modality, (S, H, W) float32 in [-1, 1], exactly -1 outside the brain and where the scan ends.
        brain: (S, H, W) bool.
        label: (S, H, W) uint8, or none.
        training: places of the slices to train on among the S, ascending.
        covered: by modality, (S,) bool, the slices that the contrast covers.
        record: what was done, with slice grid, indices and intensities.
    """

    images: dict[str, np.ndarray]
    brain: np.ndarray
    label: np.ndarray | None
    training: tuple[int, ...]
    covered: dict[str, np.ndarray]
    record: Record


def extract_slices(aligned: Aligned, plans: Plans) -> CaseSlices:
    """Extract the slices of a case: every contrast resampled once, onto one grid.

    A contrast whose registration failed is left out: nobody knows where the brain is in it. To train on are evenly
    spread slices on which every other covers at least 99 % of the brain.

    Raises:
        UserError: no slice holds enough brain that all contrasts cover, or a contrast is even.
    """
    plan = plans.slices
    grid = slice_grid(aligned.brain, plan.pixel_mm, plan.size)
    whole = to_slices(resample_mask(aligned.brain, grid)) > 0
    stored = brain_slices(whole)
    if not stored:
        raise _no_slices(aligned, plans)
    held, rows = between(grid, stored[0], stored[-1]), np.array(stored) - stored[0]
    brain = whole[list(stored)]
    percentile = plans.preprocessing.upper_percentile
    intensities = {m: fitted(image, aligned.brain, m, percentile) for m, image in aligned.placed.items()}
    raw = {m: sampled(image, intensities[m], held)[rows] for m, image in aligned.placed.items()}
    seen = _centre(brain, plan.crop)
    covered = {m: covers(_centre(values, plan.crop), seen) for m, values in raw.items()}
    by_all = np.logical_and.reduce([*covered.values()])
    training = training_slices(seen & by_all[:, None, None], plan.min_brain, plan.per_case)
    if not training:
        raise _no_slices(aligned, plans)
    label = None
    if aligned.label is not None:
        label = np.where(brain, to_slices(resample(aligned.label, held, order=0))[rows], 0).astype(np.uint8)
    record = replace(
        aligned.record.with_intensity(intensities),
        slice_grid=Grid.of(grid),
        slice_indices=tuple(stored[place] for place in training),
        stored_indices=stored,
        outside_crop=outside(aligned.brain, whole, grid, plan.crop),
    )
    images = {m: normalised(values, brain, intensities[m]) for m, values in raw.items()}
    return CaseSlices(images, brain, label, training, covered, record)


def _no_slices(aligned: Aligned, plans: Plans) -> UserError:
    return UserError(
        f"no slice is covered by brain for {plans.slices.min_brain:.0%} and shown by {', '.join(aligned.images)} alike",
        hint="look at the brain mask and at the registration",
    )


def fitted(image: Volume, brain: Volume, modality: str, upper_percentile: float) -> Intensity:
    """Return the map of a contrast's intensities to [-1, 1], measured on its own voxels.

    Args:
        image: the scan, whole head or stripped, on its own grid.
        brain: mask, on any grid of the same world.
        modality: its contrast.
        upper_percentile: percentile of the brain that becomes +1.

    Raises:
        UserError: the contrast is even there.
    """
    try:
        return normalize.fit(image.data, mask_on(brain, image).data > 0, upper_percentile)
    except ValueError as error:
        raise UserError(
            f"the brain must have contrast in {modality}", got=error, hint="look at the scan and its mask"
        ) from None


def sampled(image: Volume, intensity: Intensity, grid: Volume) -> np.ndarray:
    """Return a contrast on a slice grid, (S, H, W) in scanner units, NaN where the scan does not reach.

    What would be clipped is clipped before it is interpolated: a spike spoils its own voxel and no other.
    """
    return to_slices(resample(image.with_data(intensity.clip(image.data)), grid, fill=np.nan))


def normalised(values: np.ndarray, brain: np.ndarray, intensity: Intensity) -> np.ndarray:
    """Return values in [-1, 1], exactly -1 outside the brain and where the scan does not reach (NaN)."""
    return np.where(brain & np.isfinite(values), intensity.apply(values), np.float32(OUTSIDE))


def outside(mask: Volume, slices: np.ndarray, grid: Volume, crop: int) -> float:
    """Return the share of the brain that the centre windows do not hold."""
    held = _centre(slices, crop).sum()
    share = 1 - held * grid.voxel_ml / max(mask.millilitres, 1e-9)
    return round(max(0.0, float(share)), 3)


def covers(values: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Return whether a scan shows at least 99 % of the brain of each slice, (S,) bool; false where there is no brain.

    Args:
        values: (S, H, W), NaN where the scan does not reach.
        brain: (S, H, W) bool.
    """
    area = np.maximum(brain.sum(axis=(1, 2)), 1)
    return np.asarray((brain & np.isfinite(values)).sum(axis=(1, 2)) >= LEAST_COVER * area)


def _centre(slices: np.ndarray, crop: int) -> np.ndarray:
    """Return the networks' field of view of slices (S, H, W): the centre (S, crop, crop)."""
    first = (slices.shape[1] - crop) // 2
    return slices[:, first : first + crop, first : first + crop]
