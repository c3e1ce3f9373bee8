"""What a user must know of a model before he believes what it generates: whether it beats what needs no training."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from hifisyn.base.cohort_look import takes
from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.directions import Direction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.track_record import standing, verdict
from hifisyn.inference.translations import Translation

MUST_BEAT = (SOURCE, HISTOGRAM)


def doubts(translations: Iterable[Translation], predictors: Mapping[Path, Predictor]) -> list[str]:
    """Return a line for each model and direction that no better than the source or its histogram match came out of.

    Args:
        translations: what is generated.
        predictors: by model folder.
    """
    lines = []
    for predictor, direction in _used(translations, predictors):
        judged = verdict(predictor.model, predictor.weights.folds).get(direction.key, {})
        if lost := [name for name in MUST_BEAT if judged.get(name) is False]:
            instead = f", or use --model base --target {direction.target}" if takes(direction) else ""
            lines.append(
                f"{direction} by {predictor.model.method}: on its own validation cases this model does not beat the "
                f"{' nor the '.join(lost)} in SSIM and correlation; train longer{instead}"
            )
    return lines


def verdicts(translations: Iterable[Translation], predictors: Mapping[Path, Predictor]) -> list[str]:
    """Return the verdict of each model and direction in a line: which baselines it beats, or that nobody knows."""
    return [
        f"{direction} by {predictor.model.method}: {standing(predictor.model, predictor.weights.folds, direction)}"
        for predictor, direction in _used(translations, predictors)
    ]


def _used(
    translations: Iterable[Translation], predictors: Mapping[Path, Predictor]
) -> list[tuple[Predictor, Direction]]:
    used = dict.fromkeys((one.model.folder, one.direction) for one in translations)
    return [(predictors[folder], direction) for folder, direction in used]
