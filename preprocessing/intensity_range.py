"""The range of a scan's own intensities, from air to its brightest tissue: what lies beyond are spikes and markers.

Measured on the voxels as the file has them. Interpolation spreads a spike over its neighbours, after which no
percentile can tell it from tissue.
"""

import numpy as np

from hifisyn.volume import Volume

AIR_PERCENTILE = 1.0
BRIGHTEST_PERCENTILE = 99.9
TISSUE_PERCENTILE = 99.5
TISSUE_SHARE = 0.1

# Fewer different intensities are no tissue: an image of a few flat regions is left as it is.
FEWEST_LEVELS = 16

# With more different intensities than this share of the rest, a cluster is no spikes but tissue or air.
SPIKE_LEVELS = 0.05


def measure_range(data: np.ndarray) -> tuple[float, float]:
    """Return the level of air and that of the brightest tissue of a scan, in its own units.

    Air is the 1st percentile of all voxels that are no spikes; 0, where that is the 1st percentile of all, which is
    air however far below tissue. Tissue is what lies above a tenth of the way from there to the 99.9th percentile, so
    that wide margins do not count; its 99.5th percentile is the upper end.

    Args:
        data: intensities, any shape, finite.

    Returns:
        Both ends; equal where the scan has no contrast.

    >>> head = np.concatenate([np.zeros(9000), np.linspace(100, 300, 1000)])
    >>> [round(end) for end in measure_range(head)]
    [0, 299]
    >>> measure_range(np.concatenate([np.zeros(900), np.arange(200.0, 301.0)]))
    (0.0, 299.5)
    """
    sound = without_spikes(data)
    air, brightest = (float(level) for level in np.percentile(sound, [AIR_PERCENTILE, BRIGHTEST_PERCENTILE]))
    if np.percentile(data, AIR_PERCENTILE, method="lower") == 0:
        air = 0.0
    tissue = sound[sound > air + TISSUE_SHARE * (brightest - air)]
    return air, float(np.percentile(tissue, TISSUE_PERCENTILE)) if tissue.size else brightest


def clipped(volume: Volume) -> Volume:
    """Return the scan with its intensities clipped to `measure_range`; one without contrast comes back as it is."""
    low, high = measure_range(volume.data)
    return volume.with_data(np.clip(volume.data, low, high)) if high > low else volume


def without_spikes(data: np.ndarray) -> np.ndarray:
    """Return the intensities that belong together, (N,): those of `sound_range`.

    >>> scan = np.append(np.arange(100.0), [32767.0, 12000.0, -1000.0])
    >>> without_spikes(scan).max(), without_spikes(scan).size
    (np.float64(99.0), 100)
    """
    low, high = sound_range(data)
    inside: np.ndarray = data[(data >= low) & (data <= high)]
    return inside


def sound_range(data: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest intensity that belong to the others.

    Tissue is a continuum, and spikes and markers, however many voxels have them, are few values far away: as long as
    one gap takes up more than half of the range, the side of it with far fewer different values is cut off.

    Args:
        data: intensities, any shape, at least one.
    """
    levels = np.unique(data).astype(np.float64)
    gaps = np.diff(levels)
    first, last = 0, len(levels) - 1
    while last - first >= FEWEST_LEVELS:
        below = first + int(np.argmax(gaps[first:last]))
        cut, kept = sorted((below - first + 1, last - below))
        if 2 * gaps[below] <= levels[last] - levels[first] or kept < FEWEST_LEVELS or cut > SPIKE_LEVELS * kept:
            break
        first, last = (first, below) if below - first + 1 >= last - below else (below + 1, last)
    return float(levels[first]), float(levels[last])
