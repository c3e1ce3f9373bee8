"""Tissue labels where none are given: CSF, GM and WM by FSL FAST where it is installed, else by ANTs Atropos.

Both fit a hidden Markov random field of three Gaussian classes to the intensities in the brain. Which class is which
tissue follows from the contrast, by the order of the class means.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hifisyn.dataset import TISSUES
from hifisyn.engine.resources import one_itk_thread
from hifisyn.errors import UserError
from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.run_program import last_line, run_program
from hifisyn.preprocessing.steps import Tool, installed_version, software
from hifisyn.volume import Volume

# Tissues from the darkest to the brightest in each contrast.
DARK_TO_BRIGHT = {
    "T1": ("CSF", "GM", "WM"),
    "T1ce": ("CSF", "GM", "WM"),
    "T2": ("WM", "GM", "CSF"),
    "PD": ("WM", "GM", "CSF"),
    "FLAIR": ("CSF", "WM", "GM"),
}
FAST_TYPE = {"T2": "2", "PD": "3"}
BRIGHTEST_PERCENTILE = 99.5  # a few vessels would get a class of their own
SMOOTHNESS = "[0.1,1x1x1]"
CONVERGENCE = "[5,0]"
LEAST_SHARE = 0.005
DARKEST = 1e-3  # of the brightest brain: to fast, 0 is not brain
OTHER_TOOL = "try the tissue tool atropos"
LOOK = "look at the scan and the mask"


def choose_tool(name: Literal["auto", "fast", "atropos"] = "auto") -> Tool:
    """Return the tool to use; `auto` is FAST where it is on the PATH.

    Raises:
        UserError: FAST is named and not installed.
    """
    there = shutil.which("fast") is not None
    if name == "fast" and not there:
        raise UserError("FSL's fast must be on the PATH", hint="install FSL, or use the tissue tool atropos")
    return Tool.FAST if there and name != "atropos" else Tool.ATROPOS


def describe(tool: Tool) -> str:
    """Return the name of a tool and, where it is known, its version."""
    return software(tool, installed_version(tool))


def segment(
    image: Volume,
    brain: np.ndarray,
    modality: str = "T1",
    *,
    tool: Tool = Tool.ATROPOS,
    lesion: np.ndarray | None = None,
) -> np.ndarray:
    """Label the tissues of a brain.

    Args:
        image: any contrast of `DARK_TO_BRIGHT`, on any grid.
        brain: mask on the same grid.
        modality: contrast of `image`.
        tool: what to segment with.
        lesion: voxels that are left out of the fit, on the same grid; they get the label 0.

    Returns:
        uint8 of the image's shape: CSF 1, GM 2, WM 3, 0 elsewhere.

    Raises:
        UserError: the contrast's order of tissues is not known, or a class stays empty.
    """
    if modality not in DARK_TO_BRIGHT:
        raise UserError(
            f"tissues can be labelled on {', '.join(DARK_TO_BRIGHT)} only", got=modality, hint="give label maps"
        )
    fitted = brain.astype(bool) if lesion is None else brain.astype(bool) & ~lesion.astype(bool)
    if not fitted.any():
        raise UserError("the brain mask must not be empty", hint="look at the skull strip")
    try:
        intensity = normalize.fit(image.data, fitted, BRIGHTEST_PERCENTILE)
    except ValueError as error:
        raise UserError(f"{modality} must show three tissues", got=error, hint=LOOK) from None
    box = tuple(slice(first, last + 1) for first, last in zip(*_bounds(fitted), strict=True))
    inside, cropped = fitted[box], intensity.clip(image.data[box]) - np.float32(intensity.low)
    cropped = np.where(inside, np.maximum(cropped, DARKEST * (intensity.high - intensity.low)), 0).astype(np.float32)
    run = _fast if tool is Tool.FAST else _atropos
    classes = run(cropped, inside, image.spacing, modality)
    labels = np.zeros(image.shape, dtype=np.uint8)
    labels[box] = _name_classes(classes, cropped, inside, modality)
    return labels


def overlay(tissue: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """Return the tissue labels with every lesion value that is not 0 laid over them.

    >>> overlay(np.array([1, 2, 3]), np.array([0, 5, 0]))
    array([1, 5, 3], dtype=uint8)
    """
    return np.where(lesions != 0, lesions, tissue).astype(np.uint8)


def _bounds(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where = np.argwhere(mask)
    return where.min(axis=0), where.max(axis=0)


def _name_classes(classes: np.ndarray, image: np.ndarray, inside: np.ndarray, modality: str) -> np.ndarray:
    """Turn class numbers 1 to 3 into tissue labels by the order of the class means."""
    sizes = [int(((classes == number) & inside).sum()) for number in (1, 2, 3)]
    if min(sizes) < LEAST_SHARE * inside.sum():
        shares = ", ".join(f"{size / inside.sum():.1%}" for size in sizes)
        raise UserError(f"{modality} must show three tissues", got=f"classes of {shares}", hint=LOOK)
    means = [image[(classes == number) & inside].mean() for number in (1, 2, 3)]
    named = np.zeros(classes.shape, dtype=np.uint8)
    for number, tissue in zip(np.argsort(means) + 1, DARK_TO_BRIGHT[modality], strict=True):
        named[(classes == number) & inside] = TISSUES[tissue]
    return named


def _atropos(image: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float], modality: str) -> np.ndarray:
    one_itk_thread()
    import ants

    def convert(array: np.ndarray) -> Any:
        return ants.from_numpy(array.astype(np.float32), spacing=list(spacing))

    try:
        start = [convert(part) for part in _start(image, inside)]
        with _temporary_files_removed():
            found = ants.atropos(
                a=convert(image), x=convert(inside), i=start, m=SMOOTHNESS, c=CONVERGENCE, priorweight=0
            )
    except Exception as error:  # antspyx raises nothing more specific
        raise UserError(
            f"{modality} must show three tissues",
            got="intensities that Atropos cannot separate",
            hint=LOOK,
        ) from error
    return np.asarray(found["segmentation"].numpy().astype(np.uint8))


def _start(image: np.ndarray, inside: np.ndarray) -> list[np.ndarray]:
    """Return three masks, the best 3-means of the intensities (multi-Otsu).

    Atropos' own k-means starts from even steps and, on FLAIR, ends with grey and white matter in one class.
    """
    from skimage.filters import threshold_multiotsu

    classes = np.digitize(image, threshold_multiotsu(image[inside], classes=3))
    return [(classes == number) & inside for number in range(3)]


@contextmanager
def _temporary_files_removed() -> Iterator[None]:
    """Give antspyx, which leaves the class probabilities behind, a folder of its own for temporary files."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _fast(image: np.ndarray, inside: np.ndarray, spacing: tuple[float, float, float], modality: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        scan, prefix = Path(folder) / "scan.nii.gz", Path(folder) / "fast"
        Volume(image, np.diag([*spacing, 1.0])).save(scan)
        words = ["fast", "-t", FAST_TYPE.get(modality, "1"), "-n", "3", "-o", str(prefix), str(scan)]
        run_program(words, "fast", Path(folder), hint=OTHER_TOOL)
        segmented = Path(f"{prefix}_seg.nii.gz")
        if not segmented.is_file():
            raise UserError(f"fast wrote no {segmented.name}", got=last_line(Path(folder)), hint=OTHER_TOOL)
        return Volume.load_labels(segmented).data
