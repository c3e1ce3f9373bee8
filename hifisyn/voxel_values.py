"""What the voxels of a file may hold: finite intensities, whole numbers as labels, a mask."""

from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.errors import FileError

LEAST_FINITE = 0.05
REPLACED = "NaN and -inf take the lowest intensity, +inf the highest; export the scan again if they lie in the head"
AS_GOOD_AS_WHOLE = 0.01  # what scaling and single precision leave of a whole number
LARGEST_LABEL = 2**32 - 1


def finite(path: Path, values: np.ndarray, dtype: Any) -> tuple[np.ndarray, int]:
    """Return intensities of a type, all finite, and how many voxels were not.

    NaN and -inf become the lowest finite value, +inf the highest: most lie in air, or where a scanner clipped.

    Raises:
        FileError: less than 5 % of the voxels are finite.

    >>> finite(Path("a.nii"), np.array([3.0, np.nan, np.inf, 5.0]), np.float32)
    (array([3., 3., 5., 5.], dtype=float32), 2)
    """
    kind = np.dtype(dtype)
    if values.dtype.kind != "f":
        return values.astype(kind, copy=False), 0
    with np.errstate(over="ignore"):
        data = values.astype(kind, copy=False) if kind.kind == "f" else values
    good = np.isfinite(data)
    bad = int(good.size - np.count_nonzero(good))
    if bad:
        if good.mean() < LEAST_FINITE:
            got = f"{bad / good.size:.0%} NaN or infinite voxels"
            raise FileError(path, "must hold finite intensities", got=got, hint="export the scan again")
        low, high = data[good].min(), data[good].max()
        data = np.where(good, data, np.where(data == np.inf, high, low))
    return data.astype(kind, copy=False), bad


def labels(path: Path, values: np.ndarray) -> np.ndarray:
    """Return label values as the smallest unsigned integers that hold them.

    Raises:
        FileError: a voxel is NaN, infinite, negative, or farther than 0.01 from a whole number.

    >>> labels(Path("a.nii"), np.array([0.0, 0.9999997, 300.00001]))
    array([  0,   1, 300], dtype=uint16)
    """
    whole = values if values.dtype.kind in "iu" else np.rint(values)
    with np.errstate(invalid="ignore"):
        odd = ~(np.abs(values - whole) <= AS_GOOD_AS_WHOLE) if whole is not values else np.zeros(0, bool)
    if odd.any():
        count = np.count_nonzero(odd)
        got = f"{count} {'voxel' if count == 1 else 'voxels'} such as {values[odd].flat[0]:.4g}"
        raise FileError(path, "must hold whole numbers as labels", got=got, hint="resample it without interpolation")
    if whole.min() < 0 or whole.max() > LARGEST_LABEL:
        got = f"{whole.min() if whole.min() < 0 else whole.max():.4g}"
        raise FileError(path, "must hold labels of 0 and above", got=got, hint="renumber the labels")
    return whole.astype(np.min_scalar_type(int(whole.max())))


def mask(path: Path, values: np.ndarray) -> np.ndarray:
    """Return a mask, uint8: 1 above 0.5, as of a soft one.

    Raises:
        FileError: a voxel is negative, or hardly any are finite.
    """
    data, _ = finite(path, values, np.float32)
    if data.min() < 0:
        raise FileError(path, "must hold 0 and 1", got=f"{data.min():g}", hint="save it as a mask")
    return (data > 0.5).astype(np.uint8)
