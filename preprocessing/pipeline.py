"""The steps in order: raw scans to aligned scans, aligned scans to slices."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.plans import Plans, PreprocessingPlan, SlicePlan
from hifisyn.preprocessing import bias, normalize
from hifisyn.preprocessing.brain import extract, planned_tool
from hifisyn.preprocessing.labels import label_map, lesion_map
from hifisyn.preprocessing.normalize import OUTSIDE, Intensity
from hifisyn.preprocessing.record import Grid, Record, Scan, matrix
from hifisyn.preprocessing.register import place, register
from hifisyn.preprocessing.resample import resample, resample_mask
from hifisyn.preprocessing.slices_axial import brain_slices, centre_window, slice_grid, to_slices, training_slices
from hifisyn.volume import Volume

LEAST_COVER = 0.99


@dataclass(frozen=True)
class Aligned:
    """The scans of a case in one world.

    Attributes:
        images: by modality, canonical RAS order, each on its own grid, whole head, bias-corrected where it helped.
        brain: uint8 mask on the reference's grid.
        label: uint8 label map on the reference's grid, or none.
        record: what was done.
        seconds: wall time of the parts: brain, registration, bias, labels. Not in the record, which is the same
            in every run.
    """

    images: dict[str, Volume]
    brain: Volume
    label: Volume | None
    record: Record
    seconds: dict[str, float] = field(default_factory=dict, compare=False)


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


@dataclass(frozen=True)
class Prepared:
    """One scan, ready for a network: every slice that holds brain.

    Attributes:
        slices: (S, H, W) float32 in [-1, 1]; H = W = plans.slices.crop, the networks' field of view.
        brain: (S, H, W) bool.
        record: slice_grid is the grid of these very slices, shape (W, H, number of places).
        mask: uint8 brain mask on the scan's own grid, as the file has it.
    """

    slices: np.ndarray
    brain: np.ndarray
    record: Record
    mask: Volume


def align_case(
    images: dict[str, Volume],
    settings: PreprocessingPlan,
    *,
    label: Volume | None = None,
    labels: dict[str, int] | None = None,
    mask: Volume | None = None,
    manual: bool = False,
    device: str = "cpu",
    seed: int = 0,
) -> Aligned:
    """Put the scans of a case into one world: find the brain, register, remove bias, label structures.

    No image is interpolated: registration goes into the affines.

    Args:
        images: raw scans by modality, as their files have them.
        settings: which tools to use; steps that were done before are switched off there. Where the case lacks the
            reference modality, its first scan takes its place.
        label: label map on the grid of the reference; `labels.label_map` says what becomes of it.
        labels: structure to value; none: background 0, CSF 1, GM 2, WM 3.
        mask: the user's own brain mask on the grid of the reference, or none.
        manual: `label` was corrected by hand, so that it is used in full and nothing is added to it.
        device: of the skull stripping.
        seed: of the registration.

    Raises:
        UserError: no brain is found, the label map or the mask is on another grid, or no tissues are found.
    """
    labels = labels or TISSUES
    reference = settings.reference if settings.reference in images else next(iter(images))
    upright = {modality: volume.canonical() for modality, volume in images.items()}
    given = _on_grid(label, "label map", upright[reference], reference)
    own = _on_grid(mask, "brain mask", upright[reference], reference)
    seconds: dict[str, float] = {}
    with _timed(seconds, "brain"):
        brain, stripper = extract(
            upright[reference],
            settings.skull_strip,
            device,
            mask=own,
            command=settings.strip_command,
            stripped=_told(settings.skull_strip),
        )
        lesions = lesion_map(given, labels)
        if lesions is not None:
            brain = brain.with_data(((brain.data > 0) | (lesions > 0)).astype(np.uint8))
    scans = {modality: Scan(Grid.of(volume)) for modality, volume in images.items()}
    with _timed(seconds, "registration"):
        placed, scans, registered = _register(upright, scans, reference, brain, settings, seed)
    with _timed(seconds, "bias"):
        clean, scans, debiased = _debias(placed, scans, brain, settings)
    with _timed(seconds, "labels"):
        structures, labelled = label_map(clean[reference], reference, brain, given, labels, settings, manual=manual)
    steps = {"skull_strip": stripper, "registration": registered, "bias": debiased, "labels": labelled}
    return Aligned(clean, brain, structures, Record(reference, scans, steps, _millilitres(brain)), seconds)


def cut_case(aligned: Aligned, plans: Plans) -> Cut:
    """Cut the slices of a case to train on: every contrast resampled once, onto one grid.

    Slices that a contrast covers by less than 99 % of the brain are left out.

    Raises:
        UserError: no slice holds enough brain that all contrasts show, or a contrast is even.
    """
    grid = slice_grid(aligned.brain, plans.slices.pixel_mm, plans.slices.size)
    brain = to_slices(resample_mask(aligned.brain, grid)) > 0
    raw = {modality: to_slices(resample(image, grid, fill=np.nan)) for modality, image in aligned.images.items()}
    shown = _shown(raw, brain, plans.slices)
    kept = training_slices(shown, plans.slices.min_brain, plans.slices.per_case)
    if not kept:
        raise UserError(
            f"wanted slices of which brain covers {plans.slices.min_brain:.0%} and that "
            f"{', '.join(aligned.images)} all show, found none; look at the brain mask and at the registration"
        )
    intensities = {m: _intensity(values, brain, m, plans) for m, values in raw.items()}
    chosen = list(kept)
    images = {m: _normalised(values[chosen], brain[chosen], intensities[m]) for m, values in raw.items()}
    label = None
    if aligned.label is not None:
        label = np.where(brain, to_slices(resample(aligned.label, grid, order=0)), 0).astype(np.uint8)[chosen]
    record = replace(
        aligned.record.with_intensity(intensities),
        slice_grid=Grid.of(grid),
        slice_indices=kept,
        outside_crop=_outside(aligned.brain, brain, grid, plans.slices.crop),
    )
    return Cut(images, brain[chosen], label, record)


def prepare_source(
    volume: Volume,
    modality: str,
    plans: Plans,
    *,
    stripped: bool | None = None,
    tool: str | None = None,
    command: str = "",
    mask: Volume | None = None,
    device: str = "cpu",
) -> Prepared:
    """Make one scan ready for a network, as training scans were: brain, bias, slices, intensities.

    Args:
        volume: the scan as its file has it.
        modality: its contrast.
        plans: of the model.
        stripped: whether the skull is removed already; none: look at the scan.
        tool: the skull stripping that the user names in this run; none: the mask if there is one, else what the
            plans name.
        command: the user's own command template for tool "command"; one of the plans is never run.
        mask: the user's own brain mask on the scan's grid, or none.
        device: of the skull stripping.

    Raises:
        UserError: no brain is found, or it is even; or the plans name a command and the user no tool.
    """
    settings = plans.preprocessing
    upright = volume.canonical()
    own = _on_grid(mask, "brain mask", upright, modality)
    if tool is not None:
        stripped = _told(tool) if stripped is None else stripped
    elif stripped or own is not None:
        tool = "auto"
    else:
        tool = planned_tool(settings)
    brain, stripper = extract(upright, tool, device, mask=own, command=command, stripped=stripped)
    clean, scans, debiased = _debias({modality: upright}, {modality: Scan(Grid.of(volume))}, brain, settings)
    whole = slice_grid(brain, plans.slices.pixel_mm, plans.slices.size)
    grid = centre_window(whole, plans.slices.crop)
    inside = to_slices(resample_mask(brain, grid)) > 0
    kept = list(brain_slices(inside))
    values = to_slices(resample(clean[modality], grid, fill=np.nan))
    intensity = _intensity(values, inside, modality, plans)
    record = Record(
        modality,
        scans,
        {"skull_strip": stripper, "bias": debiased},
        _millilitres(brain),
        Grid.of(grid),
        tuple(kept),
        _outside(brain, inside, grid, plans.slices.crop),
    )
    return Prepared(
        slices=_normalised(values[kept], inside[kept], intensity),
        brain=inside[kept],
        record=record.with_intensity({modality: intensity}),
        mask=volume.with_data(brain.reoriented(volume.axcodes).data),
    )


def _on_grid(given: Volume | None, what: str, reference: Volume, modality: str) -> Volume | None:
    """Return a map that came with the case, its axes in the order of the upright reference; none where there is none.

    Raises:
        UserError: it lies on another grid.
    """
    if given is None:
        return None
    upright = given.canonical()
    if not upright.same_grid(reference):
        raise UserError(
            f"wanted the {what} on the grid of {modality} (shape {reference.shape}, axes in RAS order), found another "
            f"(shape {upright.shape}); resample it to that image"
        )
    return upright


def _told(tool: str) -> bool | None:
    """Return that a scan is whole where a tool is named, which is used then; none, to look at the scan, for "auto"."""
    return None if tool == "auto" else False


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - began


def _register(
    images: dict[str, Volume],
    scans: dict[str, Scan],
    reference: str,
    brain: Volume,
    settings: PreprocessingPlan,
    seed: int,
) -> tuple[dict[str, Volume], dict[str, Scan], str]:
    """Return the images with the registration in their affines, the scans that say so, and a line on it."""
    moving = [modality for modality in images if modality != reference]
    if not moving or settings.registration == "none":
        return images, scans, "none: switched off" if moving else "none: one contrast"
    images, scans = dict(images), dict(scans)
    for modality in moving:
        found = register(images[reference], images[modality], brain, seed=seed)
        images[modality] = place(images[modality], found.moving_to_fixed)
        scans[modality] = replace(
            scans[modality],
            moving_to_fixed=matrix(found.moving_to_fixed),
            mutual_information=(found.before, found.after),
        )
    return images, scans, f"rigid to {reference}, mutual information, seed {seed} (antspyx {version('antspyx')})"


def _debias(
    images: dict[str, Volume], scans: dict[str, Scan], brain: Volume, settings: PreprocessingPlan
) -> tuple[dict[str, Volume], dict[str, Scan], str]:
    """Return the images without the fields that were strong, the scans that say so, and a line on it."""
    if settings.bias == "never":
        return images, scans, "none: switched off"
    images, scans = dict(images), dict(scans)
    for modality, image in images.items():
        mask = brain if brain.same_grid(image) else resample_mask(brain, image)
        field = bias.estimate(image, mask)
        corrected = field.strong or settings.bias == "always"
        if corrected:
            images[modality] = bias.correct(image, field)
        scans[modality] = replace(scans[modality], bias_strength=field.strength, bias_corrected=corrected)
    done = [modality for modality, scan in scans.items() if scan.bias_corrected]
    tool = f"N4 (SimpleITK {version('SimpleITK')})"
    return images, scans, f"{tool} on {', '.join(done)}" if done else f"none: measured by {tool} and weak"


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


def _intensity(values: np.ndarray, brain: np.ndarray, modality: str, plans: Plans) -> Intensity:
    try:
        return normalize.fit(values, brain & np.isfinite(values), plans.preprocessing.upper_percentile)
    except ValueError as error:
        raise UserError(
            f"wanted a brain with contrast in {modality}, found none ({error}); look at the scan and its mask"
        ) from None


def _normalised(values: np.ndarray, brain: np.ndarray, intensity: Intensity) -> np.ndarray:
    return np.where(brain & np.isfinite(values), intensity.apply(values), np.float32(OUTSIDE))


def _outside(mask: Volume, slices: np.ndarray, grid: Volume, crop: int) -> float:
    """Return the share of the brain that the centre windows do not hold."""
    first = (grid.shape[0] - crop) // 2
    held = slices[:, first : first + crop, first : first + crop].sum()
    share = 1 - held * abs(np.linalg.det(grid.affine[:3, :3])) / 1000 / max(_millilitres(mask), 1e-9)
    return round(max(0.0, float(share)), 3)


def _millilitres(mask: Volume) -> float:
    return round(float((mask.data > 0).sum() * abs(np.linalg.det(mask.affine[:3, :3])) / 1000), 2)
