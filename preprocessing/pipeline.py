"""The steps in order: raw scans to aligned scans, aligned scans to slices."""

from dataclasses import dataclass

import numpy as np

from hifisyn.preprocessing.record import Record
from hifisyn.volume import Volume


@dataclass(frozen=True)
class Aligned:
    """The scans of a case in one world.

    Attributes:
        images: by modality, canonical RAS order, each on its own grid, whole head, bias-corrected where it helped.
        brain: uint8 mask on the reference's grid.
        label: uint8 label map on the reference's grid, or none.
        record: what was done.
    """

    images: dict[str, Volume]
    brain: Volume
    label: Volume | None
    record: Record


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
