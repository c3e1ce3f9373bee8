"""The brain mask: found by a network, or read off a scan that was stripped before."""

from importlib.metadata import version

import numpy as np
from scipy import ndimage

from hifisyn.errors import UserError
from hifisyn.preprocessing import brain_networks
from hifisyn.volume import Volume

STRIPPED = "none (already stripped)"

# A stripped scan: much exact background around one brain-sized blob, and no dark shell below its surface. Of real
# heads in air that was set to 0 the outermost 3 mm are below 0.15 of the inside, and so is skull below a scalp;
# of stripped brains of all contrasts every shell is above 0.4.
BACKGROUND_SHARE = 0.25
BRAIN_ML = (300.0, 2200.0)
SHELL_MM, SKULL_MM = 3.0, 15.0
DARKEST = 0.2
SMALLEST_BRAIN_ML = 100.0


def extract(
    volume: Volume, tool: str = "auto", device: str = "cpu", stripped: bool | None = None
) -> tuple[Volume, str]:
    """Return the brain mask (uint8, on the scan's grid) and the name of the tool that made it.

    Args:
        volume: any orientation and spacing.
        tool: "auto" (hd-bet on a GPU where it is installed, else deepbet), "hd-bet", "deepbet" or "none".
        device: "cpu" or as torch names GPUs: "cuda", "cuda:1", "mps".
        stripped: whether the scan is stripped already; none: look at it.

    Raises:
        UserError: the tool is not installed, or finds no brain.
    """
    if tool == "none" or stripped or (stripped is None and looks_stripped(volume)):
        return nonzero(volume), STRIPPED
    chosen = choose(tool, device)
    upright = volume.canonical()
    mask = brain_networks.find_brain(chosen, upright, device)
    millilitres = mask.sum() * abs(np.linalg.det(volume.affine[:3, :3])) / 1000
    if millilitres < SMALLEST_BRAIN_ML:
        raise UserError(
            f"{chosen}: wanted a brain, found {millilitres:.0f} ml of it; look at the scan, or try another skull_strip"
        )
    back = upright.with_data(mask.astype(np.uint8)).reoriented(volume.axcodes)
    return volume.with_data(back.data), f"{chosen} {version(brain_networks.PACKAGES[chosen])}"


def choose(tool: str, device: str) -> str:
    """Return the tool that "auto" stands for, or the one named.

    Raises:
        UserError: the tool named is not installed.
    """
    if tool == "auto":
        return "hd-bet" if device != "cpu" and brain_networks.installed("hd-bet") else "deepbet"
    if not brain_networks.installed(tool):
        raise UserError(
            f"skull_strip: wanted {tool}, found it not installed; pip install {brain_networks.PACKAGES[tool]}"
        )
    return tool


def looks_stripped(volume: Volume) -> bool:
    """Tell whether a scan holds a brain alone, by its background, the size of the blob and its shells."""
    present = volume.data != _background(volume.data)
    if present.mean() > 1 - BACKGROUND_SHARE or not present.any():
        return False
    blob = _largest(present)
    millilitres = blob.sum() * abs(np.linalg.det(volume.affine[:3, :3])) / 1000
    if blob.sum() < 0.9 * present.sum() or not BRAIN_ML[0] <= millilitres <= BRAIN_ML[1]:
        return False
    depth = ndimage.distance_transform_edt(ndimage.binary_fill_holes(blob), volume.spacing)
    bright = volume.data - float(_background(volume.data))
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
        raise UserError(
            "skull_strip: wanted a stripped scan with an even background, found none; set skull_strip to deepbet"
        )
    return volume.with_data(ndimage.binary_fill_holes(_largest(present)).astype(np.uint8))


def _background(data: np.ndarray) -> np.generic:
    """Return the value that all corners share, else 0."""
    corners = data[:: max(data.shape[0] - 1, 1), :: max(data.shape[1] - 1, 1), :: max(data.shape[2] - 1, 1)]
    return corners.flat[0] if (corners == corners.flat[0]).all() else data.dtype.type(0)


def _largest(mask: np.ndarray) -> np.ndarray:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()
