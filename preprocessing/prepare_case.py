"""Several scans of one head ready for a network that takes them together, in the plane that they were acquired in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hifisyn.errors import UserError
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing.align import debias, on_grid, register_all, whole_where_named
from hifisyn.preprocessing.brain import extract
from hifisyn.preprocessing.extract_slices import covers, fitted, normalised, sampled
from hifisyn.preprocessing.planes import Plane, plane_grid, plane_of
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.preprocessing.record import Grid, Record, Scan
from hifisyn.preprocessing.registration_checks import Verdict
from hifisyn.preprocessing.resample import resample_mask
from hifisyn.preprocessing.slices_axial import brain_slices, to_slices
from hifisyn.preprocessing.steps import Stage
from hifisyn.volume import Volume

LEAST_SHOWN = 0.9
SETTINGS = PreprocessingPlan()


@dataclass(frozen=True)
class PreparedCase:
    """The scans of a case as slices of one grid.

    Attributes:
        reference: the scan whose grid the outputs get; its slices, the brain and the record of all scans.
        images: contrast to (S, H, W) float32 in [-1, 1], exactly -1 outside the brain; the reference first.
        left_out: other contrasts, and why they are not among the images.
        plane: of the slices.
        pixel_mm, slice_mm: side of a pixel, and from one slice to the next.
    """

    reference: Prepared
    images: dict[str, np.ndarray]
    left_out: dict[str, str]
    plane: Plane
    pixel_mm: float
    slice_mm: float


def prepare_case(
    scans: Mapping[str, Volume],
    reference: str,
    *,
    stripped: bool | None = None,
    tool: str = "auto",
    command: str = "",
    mask: Volume | None = None,
    device: str = "cpu",
    seed: int = 0,
) -> PreparedCase:
    """Make the scans of a head ready for a network: brain, registration, bias, slices, intensities.

    The slices are all that hold brain and those between. A contrast whose registration is not trusted, that shows less
    than 90 % of the brain, or that is even, is left out; the reference is what the others are registered to.

    Args:
        scans: by contrast, as their files have them.
        reference: the contrast whose brain and grid count.
        stripped: whether the skull of the reference is removed already; none: look at it.
        tool: of the skull stripping, as in `brain.extract`.
        command: template for tool "command".
        mask: the user's own brain mask on the grid of the reference, or none.
        device: of the skull stripping.
        seed: of the registration.

    Raises:
        UserError: no brain is found in the reference, or it is even.
    """
    upright = {contrast: scan.canonical() for contrast, scan in scans.items()}
    own = on_grid(mask, "brain mask", upright[reference], reference)
    if stripped is None and tool != "auto":
        stripped = whole_where_named(tool)
    brain, found = extract(upright[reference], tool, device, mask=own, command=command, stripped=stripped)
    told = {contrast: Scan.of(scan) for contrast, scan in scans.items()}
    placed, told, registered = register_all(upright, told, reference, brain, SETTINGS, seed)
    clean, told, debiased = debias(placed, told, brain, SETTINGS)
    plane = plane_of(upright[reference])
    grid, inside = _slices_of(brain, plane, reference)
    images: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for contrast in (reference, *(other for other in scans if other != reference)):
        try:
            images[contrast], told[contrast] = _sliced(clean[contrast], told[contrast], contrast, brain, grid, inside)
        except UserError as error:
            if contrast == reference:
                raise
            left_out[contrast] = str(error)
    steps = {Stage.SKULL_STRIP: found, Stage.REGISTRATION: registered, Stage.BIAS: debiased}
    record = Record(reference, told, steps, round(brain.millilitres, 2), Grid.of(grid), tuple(range(len(inside))))
    first = Prepared(
        images[reference],
        inside,
        covers(images[reference], inside),
        record,
        scans[reference].with_data(brain.reoriented(scans[reference].axcodes).data),
    )
    pixel, _, step = grid.spacing
    return PreparedCase(first, images, left_out, plane, pixel, step)


def _slices_of(brain: Volume, plane: Plane, contrast: str) -> tuple[Volume, np.ndarray]:
    """Return the grid from the first to the last slice that holds brain, and the brain in them (S, H, W)."""
    if not (brain.data > 0).any():
        raise UserError(f"no slice of {contrast} holds brain", hint="look at the scan and its mask")
    grid = plane_grid(brain, plane)
    inside = to_slices(resample_mask(brain, grid)) > 0
    kept = brain_slices(inside)
    if not kept:
        raise UserError(f"no slice of {contrast} holds brain", hint="look at the scan and its mask")
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, 2] * kept[0]
    shown = inside[kept[0] : kept[-1] + 1]
    return replace(grid, data=np.zeros((*grid.shape[:2], len(shown)), dtype=bool), affine=affine), shown


def _sliced(
    image: Volume, scan: Scan, contrast: str, brain: Volume, grid: Volume, inside: np.ndarray
) -> tuple[np.ndarray, Scan]:
    """Return the slices of a contrast, and the scan with its range.

    Raises:
        UserError: it is not where the brain is, or even there.
    """
    if scan.verdict is not Verdict.TRUSTED:
        raise UserError(f"the registration of {contrast} must be trusted", got=scan.verdict)
    intensity = fitted(image, brain, contrast, SETTINGS.upper_percentile)
    values = sampled(image, intensity, grid)
    shown = float(np.isfinite(values[inside]).mean())
    if shown < LEAST_SHOWN:
        raise UserError(f"{contrast} must show {LEAST_SHOWN:.0%} of the brain", got=f"{shown:.0%}")
    return normalised(values, inside, intensity), replace(scan, intensity=intensity)
