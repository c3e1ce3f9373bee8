"""Does a method differ from a reference, and by how much: paired tests, corrected, with intervals and effect sizes.

With few subjects a test cannot reach significance, whatever the data; the verdict then says so.
"""

from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import METHOD, SLICE, SUBJECT
from hifisyn.errors import UserError
from hifisyn.metrics.image import finite_mean
from hifisyn.statistics.bootstrap import interval
from hifisyn.statistics.holm import holm
from hifisyn.statistics.signed_rank import signed_rank
from hifisyn.statistics.units import check_unit
from hifisyn.statistics.verdict import PairedVerdict, VerdictKind

PAIR_COLUMNS = (
    "n", "reference", "mean", "difference", "low", "high", "effect", "p", "least_p", "differ", "lost", "infinite"
)  # fmt: skip
COLUMNS = (METHOD, *PAIR_COLUMNS[:8], "p_holm", "least_p", "verdict")


def against_reference(
    values: pd.DataFrame,
    reference: str,
    *,
    unit: str = SUBJECT,
    alpha: float = 0.05,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every method with one, pair by pair: Wilcoxon's signed-rank test, Holm's correction over the methods.

    Args:
        values: one row a subject (or slice), one column a method; NaN where there is no number. Pairs with NaN are
            left out. Infinite values (PSNR of equal images) count in the test, by rank, and in no mean.
        reference: column to compare with.
        unit: what a row is: "subject" or "slice".
        alpha: level that p after correction must reach.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One row a method but the reference: `method`, `n` pairs, `reference` and `mean` over the pairs, `difference`
        (mean of method - reference), `low` and `high` (its 95 % BCa bootstrap interval), `effect` (matched-pairs
        rank-biserial correlation, positive where the method is larger), `p` (two-sided), `p_holm`, `least_p` (smallest
        p of the pairs that differ) and `verdict`, a `PairedVerdict`.

    Raises:
        UserError: the reference is no column, or the unit is neither.
    """
    if reference not in values.columns:
        raise UserError(f"reference must be one of {', '.join(map(str, values.columns))}", got=reference)
    check_unit(unit)
    methods = [method for method in values.columns if method != reference]
    rows = [_compare_pairs(values[method], values[reference], resamples, seed) for method in methods]
    table = pd.DataFrame(rows, columns=PAIR_COLUMNS)
    table["p_holm"] = holm(table["p"])
    table["verdict"] = _verdicts(table, unit, alpha)
    table[METHOD] = methods
    return table[list(COLUMNS)]


def _compare_pairs(method: pd.Series, reference: pd.Series, resamples: int, seed: int) -> dict[str, Any]:
    """Return the numbers of one method against the reference, still without correction."""
    both = pd.DataFrame({"method": method, "reference": reference}, dtype=np.float64).dropna()
    a, b = both["method"].to_numpy(), both["reference"].to_numpy()
    differences = np.subtract(a, b, out=np.zeros(len(a)), where=a != b)  # two infinite values are equal
    counted = np.isfinite(a) & np.isfinite(b)
    test = signed_rank(differences)
    low, high = interval(differences[counted], resamples=resamples, seed=seed)
    return {
        "n": len(both),
        "reference": finite_mean(b[counted]),
        "mean": finite_mean(a[counted]),
        "difference": finite_mean(differences[counted]),
        "low": low,
        "high": high,
        "effect": test.effect if len(both) else float("nan"),
        "p": test.p if len(both) else float("nan"),
        "least_p": test.least_p if len(both) else float("nan"),
        "differ": test.n,
        "lost": len(method) - len(both),
        "infinite": int((~counted).sum()),
    }


def _verdicts(table: pd.DataFrame, unit: str, alpha: float) -> list[PairedVerdict]:
    """Return the verdict of each test.

    Holm's corrected p-values only fall where the p-values fall, so what the least p-values become under the
    correction is the least that each corrected p-value can be.
    """
    tests = int(table["p"].notna().sum())
    return [
        PairedVerdict(
            kind=_kind(row["n"], row["differ"], least_p, row["p_holm"], alpha),
            unit=unit,
            n=row["n"],
            differ=row["differ"],
            tests=tests,
            least_p=float(least_p),
            lost=row["lost"],
            infinite=row["infinite"],
            slice_level=unit == SLICE,
        )
        for row, least_p in zip(table.to_dict("records"), holm(table["least_p"]), strict=True)
    ]


def _kind(n: int, differ: int, least_p: float, p: float, alpha: float) -> VerdictKind:
    if not n:
        return VerdictKind.UNTESTED
    if not differ:
        return VerdictKind.EQUAL
    if least_p > alpha:
        return VerdictKind.OUT_OF_REACH
    return VerdictKind.DIFFERENT if p <= alpha else VerdictKind.NOT_SHOWN
