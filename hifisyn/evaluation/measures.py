"""From slices to tables: the image metrics of each slice, their mean over a case, and over the data set.

Slices hold [-1, 1], so the data range is 2. Slices with too little brain do not count. A case is one scan pair,
and each case weighs the same in the data set's mean, however many slices it has.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, SLICE
from hifisyn.metrics.image import DATA_RANGE, correlation, finite_mean, mean_of_map, ms_ssim, nmse, psnr, ssim_map

MEASURES = ("psnr", "ssim", "ms_ssim", "nmse", "psnr_brain", "ssim_brain", "nmse_brain", "correlation")
TITLES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "ms_ssim": "MS-SSIM",
    "nmse": "NMSE",
    "psnr_brain": "brain PSNR (dB)",
    "ssim_brain": "brain SSIM",
    "nmse_brain": "brain NMSE",
    "correlation": "brain correlation",
}
LOWER_IS_BETTER = ("nmse", "nmse_brain")
MIN_BRAIN = 0.02


def counted(brain: np.ndarray, min_pixels: float) -> np.ndarray:
    """Return the numbers of the slices of (S, H, W) in which brain covers at least `min_pixels`, and any at all."""
    return np.flatnonzero(brain.sum(axis=(1, 2)) >= max(min_pixels, 1))


def score(
    synthetic: np.ndarray,
    truth: np.ndarray,
    brain: np.ndarray,
    *,
    min_pixels: float = 1,
    data_range: float = DATA_RANGE,
    similarity: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compare two stacks slice by slice, over the whole slice and inside the brain.

    Args:
        synthetic: (S, H, W) in [-1, 1], -1 outside the brain.
        truth: (S, H, W) in [-1, 1], -1 outside the brain.
        brain: (S, H, W) bool.
        min_pixels: slices with less brain are left out.
        data_range: width of the range of intensities.
        similarity: (S, H, W), the SSIM map of both where it is known already; none: it is computed.

    Returns:
        One row a slice that counts: `slice`, `brain_pixels` and `MEASURES`.
    """
    chosen = counted(brain, min_pixels)
    a, b, mask = synthetic[chosen], truth[chosen], brain[chosen]
    maps = ssim_map(a, b, data_range) if similarity is None else similarity[chosen]
    return pd.DataFrame(
        {
            SLICE: chosen,
            "brain_pixels": mask.sum(axis=(1, 2)),
            "psnr": psnr(a, b, data_range),
            "ssim": mean_of_map(maps),
            "ms_ssim": ms_ssim(a, b, data_range),
            "nmse": nmse(a, b),
            "psnr_brain": psnr(a, b, data_range, mask),
            "ssim_brain": mean_of_map(maps, mask),
            "nmse_brain": nmse(a, b, mask),
            "correlation": correlation(a, b, mask),
        }
    )


def by_case(slices: pd.DataFrame, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Average slices within a case: one row for each value of `keys` and `case`, the mean of every measure.

    Infinite PSNR (equal slices) is left out of a mean, unless all are infinite. `slices` counts the rows.
    """
    groups = slices.groupby([*keys, CASE], sort=False, observed=True)
    table = groups[list(MEASURES)].agg(mean_of_finite)
    table.insert(0, "slices", groups.size())
    return table.reset_index()


def by_dataset(cases: pd.DataFrame, keys: Sequence[str] = (), measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Average cases: one row for each value of `keys`, the mean and spread of each measure.

    Returns:
        `cases` and `slices` counted, and for each measure its mean over cases and `<measure>_std`, the sample
        standard deviation over cases; NaN for one case.
    """
    if not keys:
        return by_dataset(cases.assign(_all=0), ["_all"], measures).drop(columns="_all")
    groups = cases.groupby(list(keys), sort=False, observed=True)
    columns = {"cases": groups.size(), "slices": groups["slices"].sum()}
    for measure in measures:
        columns[measure] = groups[measure].agg(mean_of_finite)
        columns[f"{measure}_std"] = groups[measure].agg(_std)
    return pd.DataFrame(columns).reset_index()


def mean_of_finite(values: pd.Series) -> float:
    """Return `finite_mean` of a column."""
    return finite_mean(values.to_numpy())


def _std(values: pd.Series) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")
