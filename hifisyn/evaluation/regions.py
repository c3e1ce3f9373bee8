"""Image metrics inside each structure of a label map: the tissues, each lesion, and all lesions together.

A structure is looked at slice by slice where it is present, in the slices that count, and a case's value is the mean
over those slices. Nothing outside of the structure counts, except that the windows of SSIM reach over its border. A
case without label map has no rows. Small structures give noisy values: `pixels` says how many there were.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hifisyn.columns import CASE
from hifisyn.dataset import TISSUES
from hifisyn.evaluation.measures import mean_of_finite
from hifisyn.metrics.image import DATA_RANGE, correlation, finite_mean, mean_of_map, nmse, psnr

MEASURES = ("psnr", "nmse", "ssim", "correlation")
REGION, PIXELS = "region", "pixels"
LESION, ANY_LESION = "lesion", "any lesion"


def of_labels(labels: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the structures of a data set's labels, name to values, background left out.

    All that is no tissue is a lesion. Several lesions are a structure together too, `lesion`; `any lesion` where one
    of them bears that name.

    >>> of_labels({"background": 0, "GM": 2, "oedema": 4, "core": 5})
    {'GM': (2,), 'oedema': (4,), 'core': (5,), 'lesion': (4, 5)}
    """
    found: dict[str, tuple[int, ...]] = {name: (value,) for name, value in labels.items() if value}
    lesions = tuple(value for name, value in labels.items() if value and name not in TISSUES)
    if len(lesions) > 1:
        found[ANY_LESION if LESION in labels else LESION] = lesions
    return found


def score(
    synthetic: np.ndarray,
    truth: np.ndarray,
    label: np.ndarray,
    regions: Mapping[str, tuple[int, ...]],
    similarity: np.ndarray,
    *,
    data_range: float = DATA_RANGE,
) -> pd.DataFrame:
    """Compare two stacks inside each structure.

    Args:
        synthetic: (S, H, W) in [-1, 1].
        truth: (S, H, W) in [-1, 1].
        label: (S, H, W) label map.
        regions: name to values of the map, see `of_labels`.
        similarity: (S, H, W), the SSIM map of both, see `hifisyn.metrics.image.ssim_map`.
        data_range: width of the range of intensities.

    Returns:
        One row a structure that is present: `region`, `pixels` and `MEASURES`.
    """
    rows = []
    for name, values in regions.items():
        inside = np.isin(label, values)
        there = inside.any(axis=(1, 2))
        if not there.any():
            continue
        a, b, mask = synthetic[there], truth[there], inside[there]
        by_slice = {
            "psnr": psnr(a, b, data_range, mask),
            "nmse": nmse(a, b, mask),
            "ssim": mean_of_map(similarity[there], mask),
            "correlation": correlation(a, b, mask),
        }
        means = {measure: finite_mean(column) for measure, column in by_slice.items()}
        rows.append({REGION: name, PIXELS: int(mask.sum())} | means)
    return empty() if not rows else pd.DataFrame(rows)


def empty() -> pd.DataFrame:
    """Return the table of `score` without rows."""
    return pd.DataFrame(columns=[REGION, PIXELS, *MEASURES])


def by_dataset(cases: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Average cases: one row for each value of `keys` and structure, `cases` counted, the mean of every measure."""
    groups = cases.groupby([*keys, REGION], sort=False, observed=True)
    table = groups[list(MEASURES)].agg(mean_of_finite)
    table.insert(0, "cases", groups[CASE].nunique())
    return table.reset_index()
