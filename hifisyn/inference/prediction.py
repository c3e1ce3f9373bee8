"""From the networks' slices to volumes on the scan's own grid, in scanner units."""

from dataclasses import dataclass

import numpy as np

from hifisyn.metrics.image import DATA_RANGE
from hifisyn.postprocessing.assemble import assemble
from hifisyn.postprocessing.background import blank
from hifisyn.postprocessing.intensity import scanner_units
from hifisyn.postprocessing.restore import restore
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.preprocessing.record import Record
from hifisyn.volume import Volume


@dataclass(frozen=True)
class Translated:
    """Translated slices.

    Attributes:
        slices: (S, H, W) float32 in [-1, 1].
        expected_error: (S, H, W) float32, absolute, in the same units, 0 outside of the networks' view; None where
            the method returns none.
    """

    slices: np.ndarray
    expected_error: np.ndarray | None


@dataclass(frozen=True)
class Prediction:
    """A synthetic volume and how it was generated.

    Attributes:
        image: float32, scanner units, on the grid and with the header of the scan; exactly 0 outside the brain.
        expected_error: of each voxel, absolute, like `image`; None where the method returns none.
        brain: uint8 mask on the same grid.
        source_slices: (S, H, W) float32 in [-1, 1], the input of the networks.
        slices: (S, H, W) float32 in [-1, 1], their output.
        record: what was done to the scan.
        scale: scanner units from -1 to +1.
    """

    image: Volume
    expected_error: Volume | None
    brain: Volume
    source_slices: np.ndarray
    slices: np.ndarray
    record: Record
    scale: float


def in_scanner_units(
    translated: Translated, prepared: Prepared, volume: Volume, target: str, scale: float, low: float = 0.0
) -> Prediction:
    """Return the volumes of translated slices.

    Args:
        translated: each of `prepared.slices`.
        prepared: the scan as the networks saw it.
        volume: the scan as its file has it.
        target: the contrast that was generated.
        scale: scanner units from -1 to +1.
        low: scanner units at -1.
    """
    brain = prepared.mask.data > 0
    data = blank(scanner_units(_restored(translated.slices, prepared, volume), scale, low), brain)
    image = volume.with_data(data).described(f"synthetic {target} by hifisyn")
    error = None
    if translated.expected_error is not None:
        # Cubic interpolation overshoots, and what lies beyond the slices comes back as -1.
        units = _restored(translated.expected_error, prepared, volume).clip(0) * (scale / DATA_RANGE)
        error = volume.with_data(blank(units.astype(np.float32), brain)).described(f"expected error of {target}")
    return Prediction(image, error, prepared.mask, prepared.slices, translated.slices, prepared.record, scale)


def _restored(slices: np.ndarray, prepared: Prepared, volume: Volume) -> np.ndarray:
    grid, places = prepared.record.slice_grid, prepared.record.slice_indices
    if grid is None:
        raise ValueError("the record must have a slice grid")
    image = assemble(slices, places, grid.volume())
    brain = assemble(prepared.brain, places, grid.volume(), fill=False)
    return restore(image, brain, volume).data
