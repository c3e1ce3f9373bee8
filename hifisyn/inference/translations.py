"""What is to be generated: which contrast of which case, from which scan, by which model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.directions import Direction
from hifisyn.errors import UserError
from hifisyn.inference.choice import Candidate, Candidates, listed
from hifisyn.inference.gaps import Gap, find_gaps, in_order
from hifisyn.inference.models import Model

Cases = dict[str, dict[str, Path]]


@dataclass(frozen=True)
class Wanted:
    """One synthetic volume to generate, whatever generates it.

    Attributes:
        case: name of the case.
        source: contrast of `file`.
        target: contrast to generate.
        file: the scan to start from, on whose grid the volume lies.
    """

    case: str
    source: str
    target: str
    file: Path

    @property
    def direction(self) -> Direction:
        """From source to target."""
        return Direction(self.source, self.target)

    @property
    def files(self) -> tuple[Path, ...]:
        """All scans that it is generated from, `file` first."""
        return (self.file,)

    @property
    def title(self) -> str:
        """The case and what is generated from what, as people read it."""
        return f"{self.case}: {self.direction}"


@dataclass(frozen=True)
class Translation(Wanted):
    """A synthetic volume that a trained model generates.

    Attributes:
        model: generates target from source.
    """

    model: Model


@dataclass(frozen=True)
class TargetFailure:
    """A contrast that a case did not get.

    Attributes:
        case: name of the case.
        target: the contrast that was not generated.
        problem: why, in one line.
    """

    case: str
    target: str
    problem: str


@dataclass
class TranslationPlan:
    """What is to be generated, and what is not.

    Attributes:
        translations: the volumes that trained models generate.
        others: by folder of a chosen model, the candidates that would have done too.
        failures: targets that were requested and cannot be generated, or all that a case lacks where it gets nothing.
        gaps: what else cases lack and no model generates.
    """

    translations: list[Translation] = field(default_factory=list)
    others: dict[Path, list[Candidate]] = field(default_factory=dict)
    failures: list[TargetFailure] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def models(self) -> list[Model]:
        """The chosen models, each once."""
        return list({translation.model.folder: translation.model for translation in self.translations}.values())

    def add(self, case: str, images: dict[str, Path], sources: list[str], target: str, candidates: Candidates) -> None:
        """Add the translation of a case to a target that some candidate generates."""
        chosen = candidates.best(sources, target)
        self.translations.append(Translation(case, chosen.source, target, images[chosen.source], chosen.model))
        others = self.others.setdefault(chosen.model.folder, [])
        others += [other for other in chosen.others if other not in others]


def plan_translations(
    cases: Cases, candidates: Candidates, source: str | None = None, targets: Sequence[str] = ()
) -> TranslationPlan:
    """Decide what to generate for each case: the targets, or else all that it lacks and a model generates.

    A target that is requested is generated even where the case has it, for comparison.

    Args:
        cases: case to contrast to file.
        candidates: the models.
        source: the only contrast to start from; None: each that a case has.
        targets: the contrasts to generate; empty: those that a case lacks.

    Raises:
        UserError: several methods fit.
    """
    known = known_modalities(candidates.models)
    plan = TranslationPlan()
    for case, images in cases.items():
        lacking = targets or [contrast for contrast in known if contrast not in images]
        sources = [contrast for contrast in images if source in (None, contrast)]
        possible = [target for target in lacking if candidates.generate(target, sources)]
        for target in possible:
            plan.add(case, images, sources, target, candidates)
        if targets or not possible:
            impossible = [target for target in lacking if target not in possible]
            plan.failures += [_failure(case, images, target, source, candidates) for target in impossible]
    if not targets:
        reported = {(failure.case, failure.target) for failure in plan.failures}
        plan.gaps += find_gaps(cases, candidates, source, reported)
    return plan


def known_modalities(models: list[Model]) -> list[str]:
    """Return the contrasts that some model translates, in the usual order."""
    return in_order({contrast for model in models for contrast in model.domains})


def spelling_of(contrast: str, models: list[Model]) -> str:
    """Return a contrast as the models spell it.

    Raises:
        UserError: no model translates it.
    """
    known = known_modalities(models)
    for name in known:
        if name.lower() == contrast.lower():
            return name
    hint = f"choose of {', '.join(known)}"
    raise UserError("--source and --target must be contrasts that a model translates", got=contrast, hint=hint)


def channel_order(models: list[Model]) -> tuple[str, ...]:
    """Return the contrasts in the channel order of the data set; empty where the models disagree."""
    orders = {model.modalities for model in models}
    return orders.pop() if len(orders) == 1 else ()


def _failure(
    case: str, images: dict[str, Path], target: str, source: str | None, candidates: Candidates
) -> TargetFailure:
    if source is not None and source not in images:
        return TargetFailure(case, target, f"there is no {source} to start from, only {', '.join(images)}")
    origin = " or ".join(contrast for contrast in images if contrast != target)
    return TargetFailure(case, target, f"{candidates.none} generates {target} from {origin}")


def nothing_to_do(cases: Cases, candidates: Candidates, plan: TranslationPlan) -> UserError:
    """Return why a plan has nothing to generate."""
    contrasts = sorted({contrast for images in cases.values() for contrast in images})
    if plan.failures:
        what = f"{candidates.none} starts from {' or '.join(contrasts)}"
        return UserError(what, got=listed(candidates.models), hint=candidates.remedy)
    hint = "; ".join(["name what to generate, as in --target T2", *map(str, plan.gaps)])
    return UserError("no case lacks a contrast that a model generates", got=", ".join(contrasts), hint=hint)
