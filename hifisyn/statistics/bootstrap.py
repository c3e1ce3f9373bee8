"""Bootstrap intervals of means."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

FEWEST = 3  # values that an interval takes
MOST_DRAWN = 1_000_000  # numbers that the bootstrap holds at once


def interval(
    values: Sequence[float] | np.ndarray | pd.Series,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval of a mean (Efron, JASA 82, 1987).

    The order of the values does not matter. Values that are not finite are left out; (NaN, NaN) for fewer than
    three, and the value itself twice where all are equal.
    """
    from scipy.stats import bootstrap

    finite = np.asarray(values, dtype=np.float64)
    finite = np.sort(finite[np.isfinite(finite)])
    if len(finite) < FEWEST:
        return float("nan"), float("nan")
    if finite[0] == finite[-1]:
        return float(finite[0]), float(finite[0])
    bounds = bootstrap(
        (finite,),
        np.mean,
        n_resamples=resamples,
        batch=max(1, MOST_DRAWN // len(finite)),
        confidence_level=confidence,
        method="BCa",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return float(bounds.low), float(bounds.high)
