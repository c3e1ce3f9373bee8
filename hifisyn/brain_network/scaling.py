"""Volumes as the brain network sees them: cubic voxels in RAS order, dark at 0 and bright at 1."""

import numpy as np

from hifisyn.brain_network.network import GRID_MM, MULTIPLE
from hifisyn.preprocessing.resample import isotropic_grid, resample
from hifisyn.volume import Volume

BRIGHT_PERCENTILE, BRIGHTEST = 99.0, 1.5


def scaled(data: np.ndarray) -> np.ndarray:
    """Return intensities from the darkest, 0, over the 99th percentile of what is above it, 1, to 1.5; float32."""
    low = float(data.min())
    above = data[data > low]
    high = float(np.percentile(above, BRIGHT_PERCENTILE)) if above.size else low
    return np.asarray(np.clip((data - low) / max(high - low, 1e-6), 0, BRIGHTEST), dtype=np.float32)


def coarse(volume: Volume) -> Volume:
    """Return a volume on the network's grid, RAS, `scaled`, dark beyond the field of view.

    Args:
        volume: any orientation and spacing.
    """
    grid = isotropic_grid(volume, GRID_MM)
    seen = resample(volume, grid, order=1, fill=float(volume.data.min()))
    return grid.with_data(scaled(seen.data))


def fitted(data: np.ndarray) -> np.ndarray:
    """Return an array (X, Y, Z) whose sides are padded at both ends to a multiple of 8, and at least 24, with 0.

    >>> fitted(np.ones((9, 30, 64))).shape
    (24, 32, 64)
    """
    margins = [margin(side) for side in data.shape]
    return np.pad(data, margins)


def margin(side: int) -> tuple[int, int]:
    """Return how many voxels `fitted` adds before and after.

    >>> margin(9), margin(64)
    ((7, 8), (0, 0))
    """
    room = max(-side % MULTIPLE, 3 * MULTIPLE - side)
    return room // 2, room - room // 2
