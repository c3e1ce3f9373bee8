"""Random tables of subjects and methods, and the signed-rank test by enumeration."""

from itertools import product

import numpy as np
import pandas as pd
from scipy import stats


def methods_table(rows, methods="ABCD", seed=0):
    return pd.DataFrame(
        np.random.default_rng(seed).normal(size=(rows, len(methods))),
        columns=list(methods),
        index=[f"s{i}" for i in range(rows)],
    )


def enumerated(differences):
    """Return the two-sided p and the least one among all ways to set the signs."""
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    sums = np.array([np.dot(signs, ranks) for signs in product((-1, 1), repeat=len(kept))])
    observed = np.dot(np.sign(kept), ranks)
    extreme = np.abs(sums) >= abs(observed) - 1e-9
    return extreme.mean(), np.isclose(np.abs(sums), ranks.sum()).mean()
