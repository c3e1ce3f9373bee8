"""The pictures of a view: cropped to the brain, all alike, as PNG files that hold nothing but pixels."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hifisyn.errors import UserError
from hifisyn.evaluation import synthetic_slices
from hifisyn.intensities import OUTSIDE
from hifisyn.reader_study.design import View
from hifisyn.slices import SliceStore

REAL = "real"
MARGIN = 0.04


@dataclass(frozen=True)
class Pictures:
    """A view's pictures, PNG, of one size and window.

    Attributes:
        source: the slice that the images were generated from.
        target: the real slice of the target contrast.
        candidates: by name of the candidate.
    """

    source: bytes
    target: bytes
    candidates: Mapping[str, bytes]


def read_pictures(view: View, store: SliceStore, folders: Mapping[str, Path], with_real: bool) -> Pictures:
    """Read and crop what a view shows.

    Args:
        view: which slice.
        store: the real slices.
        folders: candidate to the folder of its evaluation.
        with_real: the real target is a candidate too.

    Raises:
        UserError: a model's slices do not fit the real ones, or a file is missing.
    """
    brain = store.brain(view.case, view.slice)
    stack = (len(store.brain(view.case)), *brain.shape)
    window = bounding_square(brain)

    def encode(image: np.ndarray) -> bytes:
        # Prediction clears what is outside the brain; so must real scans be, or their rim would give them away.
        return encode_png(crop(np.where(brain, image, OUTSIDE), window))

    source, target = view.direction
    candidates = {}
    for name, folder in folders.items():
        slices = synthetic_slices.read(folder, view.case, source, target)
        if slices.shape != stack:
            message = f"{folder}: slices of {view.case} must have shape {stack}"
            raise UserError(message, got=slices.shape, hint="evaluate the model again")
        candidates[name] = encode(slices[view.slice])
    real = encode(store.image(view.case, target, view.slice))
    if with_real:
        candidates[REAL] = real
    return Pictures(encode(store.image(view.case, source, view.slice)), real, candidates)


def count_pixels(store: SliceStore, case: str, lesions: Collection[int]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the pixels of brain (S,) of each slice, and of lesion (S,); none where the case has no labels.

    Args:
        store: the real slices.
        case: name of the case.
        lesions: values of the labels that are lesions.
    """
    brain = store.brain(case).sum(axis=(1, 2))
    if not store.record(case).get("labelled"):
        return brain, None
    return brain, np.isin(store.label(case), list(lesions)).sum(axis=(1, 2))


def bounding_square(brain: np.ndarray) -> tuple[int, int, int]:
    """Return first row, first column and side of the square around a brain mask (H, W), with a margin.

    It may reach beyond the image.
    """
    rows, columns = (np.flatnonzero(brain.any(axis=axis)) for axis in (1, 0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    side = int(np.ceil(max(height, width) * (1 + 2 * MARGIN)))
    return int(rows[0] - (side - height) // 2), int(columns[0] - (side - width) // 2), side


def crop(image: np.ndarray, window: tuple[int, int, int]) -> np.ndarray:
    """Return the (side, side) window of an image (H, W); what lies beyond it is `OUTSIDE`."""
    row, column, side = window
    padded = np.pad(image, side, constant_values=OUTSIDE)
    return padded[row + side : row + 2 * side, column + side : column + 2 * side]


def crop_mask(mask: np.ndarray, window: tuple[int, int, int]) -> np.ndarray:
    """Return the (side, side) window of a mask (H, W); what lies beyond it is False."""
    return crop(np.where(mask, 1.0, OUTSIDE), window) > 0


def encode_png(image: np.ndarray) -> bytes:
    """Return an image (H, W) in [-1, 1] as a grey PNG of 8 bits: -1 black, +1 white; no text, time or profile."""
    from PIL import Image

    grey = np.rint((np.clip(image, -1, 1) + 1) * 127.5).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
