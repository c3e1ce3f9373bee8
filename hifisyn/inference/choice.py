"""Which trained model generates a contrast, and from which scan; what else would do is named."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.inference.models import Model
from hifisyn.inference.track_record import changed, steps, validated, without_pairs
from hifisyn.inference.weights import Folds, Kinds, Weights, choose_weights
from hifisyn.training.unpaired_score import unpaired_score

RECOMMENDED = "HiFiSyn"


@dataclass(frozen=True)
class Candidate:
    """A trained model, and what is known of it when it comes to choosing.

    Attributes:
        model: the model folder.
        folds, kinds: the weights that would be used, see `choose_weights`.
    """

    model: Model
    folds: Folds = None
    kinds: Kinds = None

    @cached_property
    def weights(self) -> Weights | None:
        """Those that would be used; None where the model lacks a requested fold or checkpoint."""
        try:
            return choose_weights(self.model, self.folds, self.kinds)
        except UserError:
            return None

    @cached_property
    def steps(self) -> int:
        """Length of its training, of several folds that of the shortest; 0 where it lacks the requested weights."""
        return min(steps(self.model, fold) for fold in self.weights.folds) if self.weights else 0

    @cached_property
    def changed(self) -> int:
        """Number of settings that were changed, as in an ablation."""
        return changed(self.model)

    @cached_property
    def scores(self) -> dict[Direction, float]:
        """SSIM in the brain on its validation cases, by direction, mean over the folds; empty where unknown."""
        return validated(self.model, self.weights.folds) if self.weights else {}

    @cached_property
    def parts(self) -> dict[Direction, dict[str, float]]:
        """Parts of the unpaired score on its validation cases, by direction; empty where unknown."""
        return without_pairs(self.model, self.weights.folds) if self.weights else {}


@dataclass(frozen=True)
class ChosenModel:
    """What generates a contrast.

    Attributes:
        model: the model folder.
        source: the contrast to start from.
        others: candidates that generate it from this source too.
    """

    model: Model
    source: str
    others: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """The models to choose from.

    Attributes:
        all: in their order.
        named: the user named them (--model), so that there may be more.
    """

    all: tuple[Candidate, ...]
    named: bool = False

    @classmethod
    def of(
        cls, models: Iterable[Model], folds: Folds = None, kinds: Kinds = None, *, named: bool = False
    ) -> "Candidates":
        """Take models by the weights that would be used of each, see `choose_weights`."""
        return cls(tuple(Candidate(model, folds, kinds) for model in models), named)

    @property
    def models(self) -> list[Model]:
        """All models, in their order."""
        return [candidate.model for candidate in self.all]

    @property
    def none(self) -> str:
        """The subject of a sentence on what none of them does."""
        return "no model of --model" if self.named else "no trained model"

    @property
    def remedy(self) -> str:
        """What to do where none of them does it."""
        return "leave out --model to choose from all trained models" if self.named else "train one with hifisyn_train"

    def generate(self, target: str, present: Iterable[str]) -> bool:
        """Return whether some model generates `target` from one of the other contrasts that are present."""
        sources = set(present)
        return any(model.generates(target, sources) for model in self.models)

    def best(self, present: Iterable[str], target: str) -> ChosenModel:
        """Return which model generates `target` from which of the contrasts that are present.

        The recommended method goes first; without it, the only other one that fits. Of several trainings of a
        direction the longest is taken, of equally long ones that with fewer changed settings, then the better one on
        its validation cases; those that lack the requested weights come last. Of several sources the one is taken from
        which the contrast comes out best, by SSIM in the brain on validation cases; where that is unknown, by the
        unpaired score; where that is too, the reference contrast of the data set, then the first given.

        Raises:
            UserError: no model fits, or several methods other than the recommended one do.
        """
        sources = [contrast for contrast in present if contrast != target]
        fitting = [candidate for candidate in self.all if candidate.model.generates(target, sources)]
        if not fitting:
            raise self._none_fits(sources, target)
        candidates = _of_one_method(fitting, sources, target)
        longest = {source: _longest(candidates, Direction(source, target)) for source in sources}
        offers = [(source, candidate) for source, candidate in longest.items() if candidate]
        quality = _quality([(candidate, Direction(source, target)) for source, candidate in offers])
        place = min(
            range(len(offers)), key=lambda place: (quality[place], offers[place][0] != offers[place][1].model.reference)
        )
        source, best = offers[place]
        others = [other for other in fitting if other is not best and other.model.generates(target, [source])]
        return ChosenModel(best.model, source, tuple(others))

    def _none_fits(self, sources: Sequence[str], target: str) -> UserError:
        origin = " or ".join(sources) or "another contrast"
        return UserError(f"{self.none} generates {target} from {origin}", got=listed(self.models), hint=self.remedy)


def listed(models: Sequence[Model]) -> str:
    """Return models and their folders as one text."""
    return ", ".join(f"{model} ({model.folder})" for model in models) or "no model"


def _of_one_method(fitting: Sequence[Candidate], sources: Sequence[str], target: str) -> list[Candidate]:
    methods = dict.fromkeys(candidate.model.method for candidate in fitting)
    method = RECOMMENDED if RECOMMENDED in methods else next(iter(methods))
    if method != RECOMMENDED and len(methods) > 1:
        choices = " or ".join(f"--model {candidate.model.folder}" for candidate in fitting)
        raise UserError(
            f"several methods generate {target} from {' or '.join(sources)}",
            got=", ".join(methods),
            hint=f"choose with {choices}",
        )
    return [candidate for candidate in fitting if candidate.model.method == method]


def _longest(candidates: Sequence[Candidate], direction: Direction) -> Candidate | None:
    having = [candidate for candidate in candidates if direction in candidate.model.directions]
    quality = _quality([(candidate, direction) for candidate in having])
    order = sorted(
        (-candidate.steps, candidate.changed, quality[place], str(candidate.model.folder), place)
        for place, candidate in enumerate(having)
    )
    return having[order[0][-1]] if order else None


def _quality(offers: Sequence[tuple[Candidate, Direction]]) -> list[tuple[float, float]]:
    """Return for each offer what is smaller for a better one: by SSIM, then by the unpaired score.

    Of the score only those parts count that all offers know: a part that one lacks would raise its mean.
    """
    parts = [candidate.parts.get(direction, {}) for candidate, direction in offers]
    common = set.intersection(*map(set, parts)) if parts else set()
    return [
        (
            -candidate.scores.get(direction, -math.inf),
            -unpaired_score({name: own[name] for name in common}) if common else math.inf,
        )
        for (candidate, direction), own in zip(offers, parts, strict=True)
    ]
