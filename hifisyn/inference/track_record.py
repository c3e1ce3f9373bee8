"""The track record of a model: the length of its training, what was changed, and the quality of each direction."""

import math
import re
from collections.abc import Sequence

import numpy as np

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.inference.models import Model
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON, METRICS_CSV, fold_folder, plans_file
from hifisyn.plans import Plans
from hifisyn.table_files import read_table
from hifisyn.training.model_folder import EPOCHS
from hifisyn.training.validation import SCORE

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


def validated(model: Model, folds: Sequence[int | str]) -> dict[Direction, float]:
    """Return the SSIM in the brain by direction, on validation cases; mean over the folds that have it."""
    means = [_mean(model, fold) for fold in folds]
    scores = {direction: [mean.get(f"{direction.key}/{SCORE}") for mean in means] for direction in model.directions}
    known = {d: [v for v in values if isinstance(v, float) and math.isfinite(v)] for d, values in scores.items()}
    return {direction: float(np.mean(values)) for direction, values in known.items() if values}


def _mean(model: Model, fold: int | str) -> dict[str, float]:
    summary = fold_folder(model.folder, fold) / "validation" / "summary.json"
    try:
        mean = read_object(summary)["mean"]
    except (UserError, OSError, KeyError, TypeError):
        return {}
    return mean if isinstance(mean, dict) else {}
