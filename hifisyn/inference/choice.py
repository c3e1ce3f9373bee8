"""Which trained model makes a contrast, and from which scan: never by accident, and what else would do is told."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.inference.models import Model
from hifisyn.inference.track_record import changed, steps, validated
from hifisyn.inference.weights import Folds, Kinds, Weights, choose_weights

RECOMMENDED = "HiFiSyn"


@dataclass(frozen=True)
class Candidate:
    """A model, and what is known of it when it comes to choosing.

    Attributes:
        model: the model folder.
        folds, kinds: the weights that would be used, see `choose_weights`.
    """

    model: Model
    folds: Folds = None
    kinds: Kinds = None

    @cached_property
    def weights(self) -> Weights:
        """Those that would be used.

        Raises:
            UserError: they are not there.
        """
        return choose_weights(self.model, self.folds, self.kinds)

    @cached_property
    def steps(self) -> int:
        """Length of its training; of several folds that of the shortest; 0 where the wanted weights are not there."""
        try:
            return min(steps(self.model, fold) for fold in self.weights.folds)
        except UserError:
            return 0

    @cached_property
    def changed(self) -> int:
        """PredictionSettings that were changed, as in an ablation."""
        return changed(self.model)

    @cached_property
    def scores(self) -> dict[Direction, float]:
        """SSIM in the brain on its validation cases, by direction, mean over the folds; empty where unknown."""
        try:
            return validated(self.model, self.weights.folds)
        except UserError:
            return {}


@dataclass(frozen=True)
class ChosenModel:
    """What makes a contrast.

    Attributes:
        model: the model folder.
        source: the modality to start from.
        others: models that make it from this source too.
    """

    model: Model
    source: str
    others: tuple[Model, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """The models there are, to choose from.

    Attributes:
        trained: all of them.
    """

    trained: tuple[Candidate, ...]

    @classmethod
    def of(cls, models: Iterable[Model], folds: Folds = None, kinds: Kinds = None) -> "Candidates":
        """Take models by the weights that would be used of each, see `choose_weights`."""
        return cls(tuple(Candidate(model, folds, kinds) for model in models))

    @property
    def models(self) -> list[Model]:
        """All of them, in their order."""
        return [one.model for one in self.trained]

    def make(self, target: str, present: Iterable[str]) -> bool:
        """Tell whether some model makes `target` from one of the other modalities that are present."""
        there = set(present)
        return any(model.makes(target, there) for model in self.models)

    def best(self, present: Iterable[str], target: str) -> ChosenModel:
        """Return which model makes `target` from which present modality.

        The recommended method goes first; without it, the only other one that fits. Of several trainings of a
        direction the longest is taken, of equally long ones that with fewer changed settings, then the better one on
        its validation cases. Of several sources the one is taken from which the contrast comes out best, by SSIM in the
        brain on validation cases; where that is unknown, the reference modality of the data set, then the first given.

        Raises:
            UserError: no model fits, or several methods other than the recommended one do; what there is is listed.
        """
        sources = [modality for modality in present if modality != target]
        fitting = [one for one in self.trained if one.model.makes(target, sources)]
        if not fitting:
            raise UserError(_none_fits(self.models, sources, target))
        candidates = _of_one_method(fitting, sources, target)
        longest = {source: _longest(candidates, source, target) for source in sources}
        offers = [(source, trained) for source, trained in longest.items() if trained]
        source, taken = min(offers, key=lambda offer: _demerit(offer[0], offer[1], target))
        others = [one.model for one in fitting if one is not taken and one.model.makes(target, [source])]
        return ChosenModel(taken.model, source, tuple(others))


def _of_one_method(fitting: Sequence[Candidate], sources: Sequence[str], target: str) -> list[Candidate]:
    methods = dict.fromkeys(one.model.method for one in fitting)
    method = RECOMMENDED if RECOMMENDED in methods else next(iter(methods))
    if method != RECOMMENDED and len(methods) > 1:
        choices = " or ".join(f"--model {one.model.folder}" for one in fitting)
        raise UserError(
            f"wanted one method that makes {target} from {' or '.join(sources)}, found {', '.join(methods)}; "
            f"choose with {choices}"
        )
    return [one for one in fitting if one.model.method == method]


def _longest(candidates: Sequence[Candidate], source: str, target: str) -> Candidate | None:
    making = [one for one in candidates if one.model.makes(target, [source])]
    way = Direction(source, target)
    return min(
        making,
        key=lambda one: (-one.steps, one.changed, -one.scores.get(way, -math.inf), str(one.model.folder)),
        default=None,
    )


def _demerit(source: str, trained: Candidate, target: str) -> tuple[float, bool]:
    """Return what is smaller for a better source."""
    score = trained.scores.get(Direction(source, target))
    return math.inf if score is None else -score, source != trained.model.reference


def _none_fits(models: Sequence[Model], sources: Sequence[str], target: str) -> str:
    wanted = f"a model that makes {target} from {' or '.join(sources) or 'another modality'}"
    there = ", ".join(f"{model} ({model.folder})" for model in models) or "no model"
    return f"wanted {wanted}, found {there}; train one with hifisyn_train"
