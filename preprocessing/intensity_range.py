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


def measure_range(data: np.ndarray) -> tuple[float, float]:
    """Return the level of air and that of the brightest tissue of a scan, in its own units.

    Air is the 1st percentile of all voxels. Tissue is what lies above a tenth of the way from there to the 99.9th
    percentile, so that wide margins do not count; its 99.5th percentile is the upper end.

    Args:
        data: intensities, any shape, finite.

    Returns:
        Both ends; equal where the scan has no contrast.

    >>> head = np.concatenate([np.zeros(9000), np.linspace(100, 300, 1000)])
    >>> [round(end) for end in measure_range(head)]
    [0, 299]
    """
    air, brightest = (float(level) for level in np.percentile(data, [AIR_PERCENTILE, BRIGHTEST_PERCENTILE]))
    tissue = data[data > air + TISSUE_SHARE * (brightest - air)]
    return air, float(np.percentile(tissue, TISSUE_PERCENTILE)) if tissue.size else brightest


def clipped(volume: Volume) -> Volume:
    """Return the scan with its intensities clipped to `measure_range`; one without contrast comes back as it is."""
    low, high = measure_range(volume.data)
    return volume.with_data(np.clip(volume.data, low, high)) if high > low else volume
