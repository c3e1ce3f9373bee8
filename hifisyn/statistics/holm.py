"""Holm's correction of p-values for several tests (Scand. J. Statistics 6, 1979)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def holm(p: Sequence[float] | np.ndarray | pd.Series) -> np.ndarray:
    """Return Holm's corrected p-values, (N,) in [0, 1]; NaN stays NaN and counts as no test.

    The smallest of m p-values is multiplied by m, the next by m - 1 and so on; none falls below the one before it.

    >>> holm([0.25, 0.125, 0.75])
    array([0.5  , 0.375, 0.75 ])
    """
    p = np.asarray(p, dtype=np.float64)
    corrected = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return corrected
