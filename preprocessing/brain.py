"""The brain mask: given, found by a network or a program, or read off a scan that was stripped before."""

import shlex

import numpy as np
from scipy import ndimage

from hifisyn.errors import UserError
from hifisyn.largest_piece import largest_piece
from hifisyn.plans import PreprocessingPlan
from hifisyn.preprocessing import brain_networks, brain_programs
from hifisyn.preprocessing.intensity_range import clipped, measure_range
from hifisyn.preprocessing.steps import PACKAGES, Status, Step, Tool
from hifisyn.volume import Volume

PROGRAMS = (Tool.BET, Tool.SYNTHSTRIP, Tool.COMMAND)

# A stripped scan: much exact background around one brain-sized blob, and no dark shell below its surface. Of real
# heads in air that was set to 0 the outermost 3 mm are below 0.15 of the inside, and so is skull below a scalp;
# of stripped brains of all contrasts every shell is above 0.4.
BACKGROUND_SHARE = 0.25
BRAIN_ML = (100.0, 2200.0)
SHELL_MM, SKULL_MM = 3.0, 15.0
DARKEST = 0.2

# A mask: from the smallest brain to the largest head-filling one.
MASK_ML = (100.0, 3000.0)


def extract(
    volume: Volume,
    tool: str = "auto",
    device: str = "cpu",
    *,
    mask: Volume | None = None,
    command: str = "",
    stripped: bool | None = None,
) -> tuple[Volume, Step]:
    """Return the brain mask (uint8, on the scan's grid) and how it was found.

    Args:
        volume: any orientation and spacing.
        tool: "auto" (the mask that is given, else hd-bet where it is installed, else base), "hd-bet", "base",
            "deepbet", "bet", "synthstrip", "command", "mask", or "none" (stripped already: the mask that is given says
            where the brain is, else the background does).
        device: of the networks: "cpu" or as torch names GPUs: "cuda", "cuda:1", "mps".
        mask: the user's own, on the scan's grid, above 0.5 in the brain; or none.
        command: template of "command" (`brain_programs.find_brain`).
        stripped: whether the scan is stripped already; none: look at it.

    Raises:
        UserError: the tool is not installed, or finds no brain; or there is no mask, or none of a brain.
    """
    if mask is not None and tool in ("auto", "mask", "none"):
        return sized(volume.with_data((mask.data > 0.5).astype(np.uint8)), "brain mask"), Step(Status.GIVEN)
    if tool == "mask":
        raise UserError(
            "skull_strip mask needs a brain mask of the case",
            hint='name it in dataset.json ("brain": "brainsTr/CASE.nii.gz"), to predict put it into the folder of '
            "--masks, or choose another skull_strip",
        )
    if tool == "none" or stripped:
        return nonzero(volume), Step(Status.DONE_BEFORE)
    if stripped is None and looks_stripped(volume):
        return nonzero(volume), Step(Status.SEEN_DONE)
    upright = clipped(volume.canonical())
    found, step = _find(choose(tool), upright, device, command)
    back = upright.with_data(found.astype(np.uint8)).reoriented(volume.axcodes)
    return sized(volume.with_data(back.data), str(step)), step


def planned_tool(settings: PreprocessingPlan) -> str:
    """Return the tool for a scan to predict where the user names none: as the model's plans have it.

    A model may come from anybody, so a program that its plans name is never run.

    Raises:
        UserError: the plans name one.
    """
    if settings.skull_strip == "command":
        shown = "".join(c if c.isprintable() else "?" for c in shlex.quote(settings.strip_command))
        raise UserError(
            "the plans name a skull_strip command of their own, which is never run unasked",
            hint=f"if you trust it, pass --strip-command {shown}, else --skull-strip auto",
        )
    return "auto" if settings.skull_strip in ("none", "mask") else settings.skull_strip


def _find(tool: Tool, upright: Volume, device: str, command: str) -> tuple[np.ndarray, Step]:
    """Return the brain of an upright scan, and how it was found."""
    if tool not in PROGRAMS:
        return brain_networks.find_brain(tool, upright, device), Step.ran(tool)
    mask = brain_programs.find_brain(tool, upright, command)
    return mask, Step.ran(tool, command if tool is Tool.COMMAND else brain_programs.program_of(tool))


def sized(mask: Volume, maker: str) -> Volume:
    """Return the mask.

    Raises:
        UserError: it is too small or too large for a brain.
    """
    millilitres = mask.millilitres
    if not MASK_ML[0] <= millilitres <= MASK_ML[1]:
        raise UserError(
            f"{maker}: a brain must have {MASK_ML[0]:.0f} to {MASK_ML[1]:.0f} ml",
            got=f"{millilitres:.0f} ml",
            hint="look at the scan, or try another skull_strip",
        )
    return mask


def choose(tool: str) -> Tool:
    """Return the tool that "auto" stands for, or the one named.

    Raises:
        UserError: the tool named is not installed.
    """
    if tool == "auto":
        return Tool.HD_BET if brain_networks.installed(Tool.HD_BET) else Tool.BASE
    chosen = Tool(tool)
    if chosen not in PROGRAMS and not brain_networks.installed(chosen):
        raise UserError(f"skull_strip {tool} is not installed", hint=f"pip install {PACKAGES[chosen]}")
    return chosen


def peak_gib(tool: str) -> float:
    """Return the memory that a process takes at its peak while a tool finds a brain, GiB, as measured on CPUs.

    A scan that turns out to be stripped takes less. What programs beside take is not known: a GiB is assumed.
    """
    known = {"hd-bet": 3.1, "deepbet": 1.1, "base": 0.8}
    return known.get(choose("auto") if tool == "auto" else tool, 1.0)


def looks_stripped(volume: Volume) -> bool:
    """Return whether a scan holds a brain alone, by its background, the size of the blob and its shells."""
    present = volume.data != _background(volume.data)
    if present.mean() > 1 - BACKGROUND_SHARE or not present.any():
        return False
    blob = largest_piece(present)
    millilitres = blob.sum() * volume.voxel_ml
    if blob.sum() < 0.9 * present.sum() or not BRAIN_ML[0] <= millilitres <= BRAIN_ML[1]:
        return False
    depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(blob), volume.spacing)
    bright = volume.data - min(float(_background(volume.data)), measure_range(volume.data[blob])[0])
    shells = [bright[(depth > low) & (depth <= low + SHELL_MM)] for low in np.arange(0, SKULL_MM, SHELL_MM)]
    inside = bright[depth > SKULL_MM]
    if not inside.size:
        return False
    return all(np.median(shell) >= DARKEST * np.median(inside) for shell in shells if shell.size)


def nonzero(volume: Volume) -> Volume:
    """Return the mask of a stripped scan: what is not background, its holes filled.

    Raises:
        UserError: nothing is background, or nothing else is there.
    """
    present = volume.data != _background(volume.data)
    if present.mean() > 0.99:
        raise UserError("a stripped scan must have an even background", hint="set skull_strip to base")
    return volume.with_data(ndimage.binary_fill_holes(largest_piece(present)).astype(np.uint8))


def _background(data: np.ndarray) -> np.generic:
    """Return the value that all corners share, else 0."""
    corners = data[:: max(data.shape[0] - 1, 1), :: max(data.shape[1] - 1, 1), :: max(data.shape[2] - 1, 1)]
    shared: np.generic = corners.flat[0]
    return shared if (corners == shared).all() else data.dtype.type(0)
