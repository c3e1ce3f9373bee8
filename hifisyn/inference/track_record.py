"""The track record of a model: the length of its training, what was changed, and the quality of each direction."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.inference.models import Model
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON, METRICS_CSV, fold_folder, plans_file
from hifisyn.plans import Plans
from hifisyn.table_files import read_table
from hifisyn.training.chosen_by import SSIM
from hifisyn.training.model_folder import EPOCHS
from hifisyn.training.unpaired_score import WEIGHTS
from hifisyn.training.verdict import standing as words
from hifisyn.training.verdict import together

NUMBER = re.compile("[0-9]{1,12}")


def steps(model: Model, fold: int | str) -> int:
    """Return the steps that the training of a fold did, by its logbook; without one, by its plans."""
    metrics = fold_folder(model.folder, fold) / METRICS_CSV
    if metrics.is_file():
        done = [row["iteration"] for row in read_table(metrics, ",") if NUMBER.fullmatch(row.get("iteration", ""))]
        if done:
            return int(done[-1])
    return Plans.load(plans_file(model.folder)).length.total


def changed(model: Model) -> int:
    """Return how many settings of a training were changed, its length apart."""
    there = read_object(model.folder / CONFIG_JSON).get("changed")
    return len([key for key in there if key != EPOCHS]) if isinstance(there, dict) else 0


def validated(model: Model, folds: Sequence[int | str], measure: str = SSIM) -> dict[Direction, float]:
    """Return a measure by direction, on validation cases; mean over the folds that have it."""
    means = [_mean(model, fold) for fold in folds]
    scores = {direction: [mean.get(f"{direction.key}/{measure}") for mean in means] for direction in model.directions}
    known = {d: [v for v in values if isinstance(v, float) and math.isfinite(v)] for d, values in scores.items()}
    return {direction: float(np.mean(values)) for direction, values in known.items() if values}


def without_pairs(model: Model, folds: Sequence[int | str]) -> dict[Direction, dict[str, float]]:
    """Return the parts of the unpaired score that are known, by direction; mean over the folds that have them."""
    parts = {part: validated(model, folds, part) for part in WEIGHTS}
    return {d: {part: of[d] for part, of in parts.items() if d in of} for d in model.directions}


def verdict(model: Model, folds: Sequence[int | str]) -> dict[str, dict[str, bool]]:
    """Return which baselines the weights of all folds beat on validation cases, by direction; empty where unknown."""
    return together([_judged(_summary(model, fold).get("verdict")) for fold in folds])


def standing(model: Model, folds: Sequence[int | str], direction: Direction) -> str:
    """Return how a direction stands against what needs no training, in words."""
    parts = without_pairs(model, folds).get(direction, {})
    return words(verdict(model, folds).get(direction.key, {}), parts)


def _judged(read: object) -> dict[str, dict[str, bool]]:
    """Return what is a verdict of something that was read."""
    of = {key: own for key, own in read.items() if isinstance(own, dict)} if isinstance(read, dict) else {}
    return {key: {name: beats for name, beats in own.items() if isinstance(beats, bool)} for key, own in of.items()}


def _mean(model: Model, fold: int | str) -> dict[str, float]:
    mean = _summary(model, fold).get("mean")
    return mean if isinstance(mean, dict) else {}


def _summary(model: Model, fold: int | str) -> dict[str, Any]:
    try:
        return read_object(fold_folder(model.folder, fold) / "validation" / "summary.json")
    except (UserError, OSError):
        return {}
