"""What is to be made: which contrast of which case, from which scan, by which model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hifisyn.errors import UserError
from hifisyn.inference.choice import Candidates
from hifisyn.inference.gaps import Gap, find_gaps, in_order
from hifisyn.inference.models import Model


@dataclass(frozen=True)
class Translation:
    """One synthetic volume to make.

    Attributes:
        case: name of the case.
        source: modality of `file`.
        target: modality to make.
        file: the scan to start from.
        model: makes target from source.
        others: models that would have done it too.
    """

    case: str
    source: str
    target: str
    file: Path
    model: Model
    others: tuple[Model, ...] = ()


@dataclass(frozen=True)
class TargetFailure:
    """A contrast that a case did not get.

    Attributes:
        case: name of the case.
        target: the modality that was not made.
        problem: why, in one line.
    """

    case: str
    target: str
    problem: str


class TranslationPlan(NamedTuple):
    """What is to be done, and what is not.

    Attributes:
        tasks: the volumes to make.
        failures: targets that were asked for and cannot be made, or all that a case lacks where it gets nothing.
        gaps: what else cases lack and no model makes.
    """

    tasks: list[Translation]
    failures: list[TargetFailure]
    gaps: list[Gap]


def plan_translations(
    cases: dict[str, dict[str, Path]], choices: Candidates, source: str | None = None, targets: Sequence[str] = ()
) -> TranslationPlan:
    """Decide what to make for each case: the targets, or else all that it lacks and a model makes.

    A target that is asked for is made even where the case has it, for comparison.

    Args:
        cases: case to modality to file.
        choices: the models.
        source: the only modality to start from, or none: each that a case has.
        targets: the modalities to make, or none: those that lack.

    Raises:
        UserError: there is nothing to do, or several methods fit.
    """
    made = known_modalities(choices.models)
    tasks: list[Translation] = []
    failures: list[TargetFailure] = []
    for case, images in cases.items():
        lacking = targets or [modality for modality in made if modality not in images]
        sources = [modality for modality in images if source in (None, modality)]
        makeable = [target for target in lacking if choices.make(target, sources)]
        tasks += [_task(case, images, sources, target, choices) for target in makeable]
        if targets or not makeable:
            failures += [_failure(case, images, target, source) for target in lacking if target not in makeable]
    told = {(failure.case, failure.target) for failure in failures}
    gaps = [] if targets else find_gaps(cases, choices.models, source, told)
    if not tasks:
        raise UserError(_nothing(cases, choices.models, failures, gaps))
    return TranslationPlan(tasks, failures, gaps)


def known_modalities(models: list[Model]) -> list[str]:
    """Return the modalities that some model translates, in the usual order."""
    return in_order({modality for model in models for modality in model.domains})


def spelled(modality: str, models: list[Model]) -> str:
    """Return a modality as the models spell it.

    Raises:
        UserError: no model knows it.
    """
    known = known_modalities(models)
    for name in known:
        if name.lower() == modality.lower():
            return name
    raise UserError(f"wanted a modality that a model knows ({', '.join(known)}), found {modality}")


def channel_order(models: list[Model]) -> tuple[str, ...]:
    """Return the modalities in the channel order of the data set; empty where the models disagree."""
    orders = {model.modalities for model in models}
    return orders.pop() if len(orders) == 1 else ()


def _task(case: str, images: dict[str, Path], sources: list[str], target: str, choices: Candidates) -> Translation:
    choice = choices.best(sources, target)
    return Translation(case, choice.source, target, images[choice.source], choice.model, choice.others)


def _failure(case: str, images: dict[str, Path], target: str, source: str | None) -> TargetFailure:
    if source is not None and source not in images:
        return TargetFailure(case, target, f"wanted a {source} to start from, found {', '.join(images)}")
    return TargetFailure(case, target, f"no model makes {target} from {' or '.join(m for m in images if m != target)}")


def _nothing(
    cases: dict[str, dict[str, Path]], models: list[Model], failures: list[TargetFailure], gaps: list[Gap]
) -> str:
    have = sorted({modality for images in cases.values() for modality in images})
    there = ", ".join(f"{model} ({model.folder})" for model in models)
    if failures:
        return f"wanted a model that starts from {' or '.join(have)}, found {there}; choose with --model"
    return "; ".join(
        [
            f"wanted a case that lacks a contrast, found {', '.join(have)} in all",
            "name what to make, as in --target T2",
            *map(str, gaps),
        ]
    )
