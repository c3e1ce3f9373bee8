"""The columns of downstream tables, and the measures among them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hifisyn.columns import CASE, SUBJECT

COMPARISON = "comparison"
REAL = "real"
LEAST_DICE = 0.05
KINDS = {"dice": "Dice", "vs": "VS", "hd95": "HD95"}


def measures_of(cases: pd.DataFrame) -> list[str]:
    """Return the columns that are measures."""
    return [name for name in cases.columns if name not in (COMPARISON, CASE, SUBJECT)]


def shown_measures(cases: pd.DataFrame) -> list[str]:
    """Return the measures that tables show: those with a number; no mean Dice where there is one class only."""
    measures = [
        name for name in measures_of(cases) if name.split("_")[0] in ("dice", "vs") and cases[name].notna().any()
    ]
    classes = [name for name in measures if name.startswith("dice_")]
    return [name for name in measures if name != "dice" or len(classes) > 1]


def border_measures(cases: pd.DataFrame) -> list[str]:
    """Return the distances of borders in mm, those with a number."""
    return [name for name in measures_of(cases) if name.startswith("hd95_") and cases[name].notna().any()]


def remark(cases: pd.DataFrame) -> str:
    """Return a caution where an nnU-Net finds next to nothing in real scans, else ""."""
    mean = cases.loc[cases[COMPARISON] == REAL, "dice"].mean()
    if not mean < LEAST_DICE:
        return ""
    return f"nnU-Net finds next to nothing in real scans (mean Dice {mean:.2f}), so nothing follows; train it longer"


def means(cases: pd.DataFrame) -> pd.DataFrame:
    """Return one row a comparison: number of cases, mean of each measure and `<measure>_std`; NaN left out."""
    groups = cases.groupby(COMPARISON, sort=False)
    columns: dict[str, Any] = {"cases": groups.size()}
    for measure in measures_of(cases):
        columns[measure] = groups[measure].mean()
        columns[f"{measure}_std"] = groups[measure].std(ddof=1)
    return pd.DataFrame(columns).reset_index()


def mean_dice(row: Mapping[str, float]) -> float:
    """Return the mean of the classes' Dice; a class that both maps lack is left out, NaN where all are.

    >>> mean_dice({"dice_edema": 0.5, "dice_core": float("nan"), "vs_edema": 1.0})
    0.5
    """
    values = np.array([value for name, value in row.items() if name.startswith("dice_")], dtype=float)
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else float("nan")


def measure_title(measure: str) -> str:
    """Return the title of a measure of a downstream task.

    >>> measure_title("dice"), measure_title("dice_GM"), measure_title("vs_CSF")
    ('Dice', 'Dice GM', 'VS CSF')
    """
    kind, _, structure = measure.partition("_")
    return f"{KINDS.get(kind, kind)} {structure}".strip()
