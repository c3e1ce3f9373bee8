"""Which baseline comes nearest to HiFi-Syn in a downstream task: the one with the highest mean Dice."""

from collections.abc import Iterable

import pandas as pd

from hifisyn.columns import DIRECTION, MODEL
from hifisyn.evaluation.adapted_rows import competes
from hifisyn.evaluation.ceilings import method_of_row

OURS = "HiFiSyn"


def ours_of(models: Iterable[str]) -> str | None:
    """Return the HiFi-Syn among the labels of models: as it is, else the first; none where there is none.

    >>> ours_of(["DRIT++", "HiFiSyn without GGD", "HiFiSyn"]), ours_of(["DRIT++"])
    ('HiFiSyn', None)
    """
    own = [name for name in models if method_of_row(name) == OURS]
    return OURS if OURS in own else next(iter(own), None)


def best_baselines(cases: pd.DataFrame) -> dict[str, str]:
    """Return the baseline with the highest mean of `score`, by direction.

    Baselines are trained models of other methods that saw no pair and began with nothing.

    Args:
        cases: one row a direction, model and case, of what is made with synthetic scans alone.
    """
    others = cases[[competes(name) and method_of_row(name) != OURS for name in cases[MODEL]]]
    if others.empty:
        return {}
    means = score(others).groupby([others[DIRECTION], others[MODEL]], sort=False).mean().dropna()
    return {str(name): str(own.idxmax()[1]) for name, own in means.groupby(level=DIRECTION, sort=False)}


def score(cases: pd.DataFrame) -> pd.Series:
    """Return what ranks models in a downstream task: the mean Dice of each case over its classes; NaN left out."""
    return cases[[name for name in cases if str(name).startswith("dice_")]].mean(axis=1)
