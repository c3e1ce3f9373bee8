"""The measures of one aligned case: where its brain lies, how large each structure is, how bright each is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from hifisyn.preprocessing import normalize
from hifisyn.preprocessing.intensity_range import sound_range
from hifisyn.preprocessing.resample import index_map, mask_on
from hifisyn.volume import Volume

SAMPLED_VOXELS = 200_000
ANCHORS = ("high", "span")
STATISTICS = ("mean", "median", "std", "p00_5", "p99_5")


def describe(
    images: Mapping[str, Volume], brain: Volume, label: Volume | None, labels: Mapping[str, int], upper: float
) -> dict[str, Any]:
    """Measure one case.

    Args:
        images: by modality, placed in one world by their affines, each on its own grid.
        brain: mask on the reference grid, canonical axis order (RAS).
        label: label map on the grid of the mask, or none.
        labels: structure to value.
        upper: percentile of the brain that becomes +1.

    Returns:
        `shape`, `spacing_mm`, `brain_box_mm` (left-right, back-front, bottom-top), `brain_slices`, `brain_ml`,
        `labels_ml`, `modalities`, `intensities` by modality: `high` and `span`, the scanner units at +1 and those from
        -1 to +1, statistics of the brain and of each structure.
    """
    mask = brain.data > 0
    inside = np.argwhere(mask)
    low, high = inside.min(axis=0), inside.max(axis=0)
    extent = (high - low + 1) * np.array(brain.spacing)
    volumes = {}
    if label is not None:
        volumes = {name: float((label.data == value).sum()) * brain.voxel_ml for name, value in labels.items() if value}
        volumes["background"] = float((~mask).sum()) * brain.voxel_ml
    sampled = inside[:: max(1, len(inside) // SAMPLED_VOXELS)]
    structure = None if label is None else label.data[tuple(sampled.T)]
    return {
        "shape": list(brain.shape),
        "spacing_mm": [round(s, 4) for s in brain.spacing],
        "brain_box_mm": [round(float(e), 2) for e in extent],
        "brain_slices": int(high[2] - low[2]) + 1,
        "brain_ml": round(float(mask.sum()) * brain.voxel_ml, 2),
        "labels_ml": {name: round(ml, 3) for name, ml in volumes.items()},
        "modalities": sorted(images),
        "intensities": {
            modality: _describe_intensities(image, brain, sampled, structure, labels, upper)
            for modality, image in images.items()
        },
    }


def _values_at(image: Volume, brain: Volume, voxels: np.ndarray) -> np.ndarray:
    """Return the image at voxels (N, 3) of the brain's grid, linear; NaN where the image does not reach."""
    to_image = index_map(onto=brain, volume=image)
    at = to_image[:3, :3] @ voxels.T + to_image[:3, 3:]
    values: np.ndarray = ndimage.map_coordinates(
        image.data.astype(np.float32), at, order=1, cval=np.nan, mode="constant"
    )
    return values


def _describe_intensities(
    image: Volume,
    brain: Volume,
    sampled: np.ndarray,
    structure: np.ndarray | None,
    labels: Mapping[str, int],
    upper: float,
) -> dict[str, Any]:
    own = mask_on(brain, image).data > 0
    if not own.any():
        return {"high": None, "span": None, "brain": None}
    intensity = normalize.fit(image.data, own, upper)
    sound = image.with_data(np.clip(image.data, *sound_range(image.data[own])))
    values = _values_at(sound, brain, sampled)
    reached = np.isfinite(values)
    values = values[reached]
    statistics: dict[str, Any] = {
        "high": tidy(intensity.high),
        "span": tidy(intensity.high - intensity.low),
        "brain": _statistics(values),
    }
    if structure is not None:
        structure = structure[reached]
        for name, value in labels.items():
            if value and (structure == value).any():
                statistics[name] = _statistics(values[structure == value])
    return statistics


def _statistics(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, (0.5, 50, 99.5))
    numbers = (values.mean(dtype=np.float64), median, values.std(dtype=np.float64), low, high)
    return {key: tidy(number) for key, number in zip(STATISTICS, numbers, strict=True)}


def tidy(number: Any) -> float:
    """Return a number to 6 digits, so that files are read by people too.

    >>> tidy(311.70000000000005)
    311.7
    """
    return float(f"{number:.6g}")
