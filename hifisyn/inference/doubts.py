"""What a user must know of a model before he believes what it generates: the simple things that it does not beat."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from hifisyn.baselines import HISTOGRAM, SOURCE
from hifisyn.directions import Direction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.track_record import verdict
from hifisyn.inference.translations import Translation

MUST_BEAT = (SOURCE, HISTOGRAM)


def doubts(translations: Iterable[Translation], predictors: Mapping[Path, Predictor]) -> list[str]:
    """Return a line for each model and direction that no better than the source or its histogram match came out of.

    Args:
        translations: what is generated.
        predictors: by model folder.
    """
    used = dict.fromkeys((one.model.folder, Direction(one.source, one.target)) for one in translations)
    lines = []
    for folder, direction in used:
        predictor = predictors[folder]
        judged = verdict(predictor.model, predictor.weights.folds).get(direction.key, {})
        if lost := [name for name in MUST_BEAT if judged.get(name) is False]:
            lines.append(
                f"{direction} by {predictor.model.method}: on its own validation cases this model does not beat the "
                f"{' nor the '.join(lost)} in SSIM and correlation; train longer, or use --model base"
            )
    return lines
