"""How means, spreads and tests are written in the cells of a comparison."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from hifisyn.statistics.verdict import PairedVerdict, VerdictKind, p_text
from hifisyn.tables.cell import Cell

NOTHING, REFERENCE, TOO_SMALL, SAME = "–", "reference", "n too small", "equal"


def method_cells(
    found: pd.DataFrame,
    reference: str | None,
    *,
    lower: bool,
    percent: bool,
    marked: bool = True,
    unranked: Collection[str] = (),
) -> list[Cell]:
    """Return the cells of a column: mean and spread, the best marked, what the tests say.

    Args:
        found: one row a method: `mean`, `sd`, `p_holm` and `verdict`.
        reference: row that the others were tested against; None for no tests.
        lower: whether the smallest mean is the best.
        percent: whether shares are shown in percent.
        marked: whether the best is marked.
        unranked: rows that are never the best.
    """
    factor = 100 if percent else 1
    means, spreads = factor * found["mean"], factor * found["sd"]
    digits = 1 if percent else _digits(means)
    texts = [_number(mean, digits) for mean in means]
    ranked = means[~means.index.isin(list(unranked))]
    best = _number(ranked.min() if lower else ranked.max(), digits)
    several = marked and ranked.notna().sum() > 1
    return [
        Cell(
            text if np.isnan(spread) else f"{text} ± {spread:.{digits}f}",
            best=bool(several and name in ranked.index and text == best and text != NOTHING),
            test=REFERENCE if name == reference else _test(row["p_holm"], row["verdict"]),
        )
        for name, text, spread, row in zip(found.index, texts, spreads, found.to_dict("records"), strict=True)
    ]


def _test(p_holm: float, verdict: object) -> str:
    """Return what a cell says of a test: the p-value after correction, or why it would mislead."""
    if not isinstance(verdict, PairedVerdict) or verdict.kind is VerdictKind.UNTESTED:
        return ""
    return {VerdictKind.EQUAL: SAME, VerdictKind.OUT_OF_REACH: TOO_SMALL}.get(verdict.kind, p_text(p_holm))


def _digits(means: pd.Series) -> int:
    """Return how many decimals a column takes: 2 above 1, 3 up to 1, more where all would be next to 0."""
    largest = means[np.isfinite(means)].abs().max()
    if not largest > 0 or largest > 1:
        return 2
    return int(np.clip(2 - np.floor(np.log10(largest)), 3, 6))


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return NOTHING
    return f"{value:.{digits}f}" if np.isfinite(value) else "∞"
