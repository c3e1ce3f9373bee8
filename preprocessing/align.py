"""Raw scans of a case put into one world: brain found, contrasts registered, bias removed, structures labelled."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.errors import UserError
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing import bias
from hifisyn.preprocessing.brain import extract
from hifisyn.preprocessing.labels import label_map, lesion_map
from hifisyn.preprocessing.record import Record, Scan, matrix
from hifisyn.preprocessing.register import register
from hifisyn.preprocessing.registration_checks import Verdict
from hifisyn.preprocessing.resample import mask_on
from hifisyn.preprocessing.rigid import place
from hifisyn.preprocessing.steps import Stage, Status, Step, Tool, installed_version
from hifisyn.volume import Volume


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

    @property
    def placed(self) -> dict[str, Volume]:
        """The images whose registration did not fail: in the others nobody knows where the brain is."""
        return {m: image for m, image in self.images.items() if self.record.scans[m].verdict is not Verdict.FAILED}


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
        label: label map on the grid of the reference; for its use see `labels.label_map`.
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
    given = on_grid(label, "label map", upright[reference], reference)
    own = on_grid(mask, "brain mask", upright[reference], reference)
    seconds: dict[str, float] = {}
    with _timed(seconds, "brain"):
        brain, stripped = extract(
            upright[reference],
            settings.skull_strip,
            device,
            mask=own,
            command=settings.strip_command,
            stripped=whole_where_named(settings.skull_strip),
        )
        lesions = lesion_map(given, labels)
        if lesions is not None:
            brain = brain.with_data(((brain.data > 0) | (lesions > 0)).astype(np.uint8))
    scans = {modality: Scan.of(volume) for modality, volume in images.items()}
    with _timed(seconds, "registration"):
        placed, scans, registered = register_all(upright, scans, reference, brain, settings, seed)
    with _timed(seconds, "bias"):
        clean, scans, debiased = debias(placed, scans, brain, settings)
    with _timed(seconds, "labels"):
        structures, labelled = label_map(clean[reference], reference, brain, given, labels, settings, manual=manual)
    steps = {
        Stage.SKULL_STRIP: stripped,
        Stage.REGISTRATION: registered,
        Stage.BIAS: debiased,
        Stage.LABELS: labelled,
    }
    return Aligned(clean, brain, structures, Record(reference, scans, steps, round(brain.millilitres, 2)), seconds)


def on_grid(given: Volume | None, what: str, reference: Volume, modality: str) -> Volume | None:
    """Return a map that came with the case, its axes in the order of the upright reference; none where there is none.

    Raises:
        UserError: it lies on another grid.
    """
    if given is None:
        return None
    upright = given.canonical()
    if not upright.same_grid(reference):
        raise UserError(
            f"the {what} must be on the grid of {modality} (shape {reference.shape}, axes in RAS order)",
            got=f"another of shape {upright.shape}",
            hint="resample it to that image",
        )
    return upright


def whole_where_named(tool: str) -> bool | None:
    """Return that a scan is whole where a tool is named, which is used then; none, to look at the scan, for "auto"."""
    return None if tool == "auto" else False


def register_all(
    images: dict[str, Volume],
    scans: dict[str, Scan],
    reference: str,
    brain: Volume,
    settings: PreprocessingPlan,
    seed: int,
) -> tuple[dict[str, Volume], dict[str, Scan], Step]:
    """Return the images with their registration in their affines, the scans that say so, and the step."""
    moving = [modality for modality in images if modality != reference]
    if not moving or settings.registration == "none":
        return images, scans, Step(Status.SKIPPED, detail="switched off" if moving else "one contrast")
    images, scans = dict(images), dict(scans)
    for modality in moving:
        found = register(images[reference], images[modality], brain, seed=seed)
        images[modality] = place(images[modality], found.moving_to_fixed)
        scans[modality] = replace(
            scans[modality],
            moving_to_fixed=matrix(found.moving_to_fixed),
            checks=found.checks,
        )
    untrusted = [f"{scans[m].verdict}: {m}" for m in moving if scans[m].verdict is not Verdict.TRUSTED]
    detail = "; ".join([f"rigid to {reference} by mutual information, seed {seed}", *untrusted])
    return images, scans, Step.ran(Tool.ANTS, detail)


def debias(
    images: dict[str, Volume], scans: dict[str, Scan], brain: Volume, settings: PreprocessingPlan
) -> tuple[dict[str, Volume], dict[str, Scan], Step]:
    """Return the images without the fields that were strong, the scans that say so, and the step."""
    if settings.bias == "never":
        return images, scans, Step(Status.SKIPPED, detail="switched off")
    images, scans = dict(images), dict(scans)
    for modality, image in images.items():
        field = bias.estimate(image, mask_on(brain, image))
        corrected = field.strong or settings.bias == "always"
        if corrected:
            images[modality] = bias.correct(image, field)
        scans[modality] = replace(scans[modality], bias_strength=field.strength, bias_corrected=corrected)
    done = [modality for modality, scan in scans.items() if scan.bias_corrected]
    if done:
        return images, scans, Step.ran(Tool.N4, f"on {', '.join(done)}")
    return images, scans, Step(Status.SKIPPED, Tool.N4, installed_version(Tool.N4), "found weak fields only")


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - began
