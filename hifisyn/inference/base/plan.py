"""Which contrasts of which cases the base model generates: those that no trained model does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.base.contrasts import TARGETS
from hifisyn.base.shipped import NAME
from hifisyn.errors import UserError
from hifisyn.inference.base.inputs import refused, slots_of
from hifisyn.inference.gaps import Gap
from hifisyn.inference.translations import TargetFailure, TranslationPlan, Wanted


@dataclass(frozen=True)
class BaseTranslation(Wanted):
    """A synthetic volume that the base model generates from all that a case has.

    Attributes:
        given: contrast to file, `file` first.
        slots: slot of the model to contrast.
        not_taken: contrasts of the case that the model does not know.
    """

    given: Mapping[str, Path]
    slots: Mapping[str, str]
    not_taken: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All scans that it is generated from, `file` first."""
        return tuple(self.given.values())

    @property
    def title(self) -> str:
        """The case and what is generated from what, as people read it."""
        return f"{self.case}: {', '.join(self.given)} to {self.target}"


def plan_base(
    cases: Mapping[str, Mapping[str, Path]], plan: TranslationPlan, source: str | None, targets: Sequence[str]
) -> list[BaseTranslation]:
    """Return what the base model generates of what trained models do not, and drop that from the plan's complaints.

    Where targets are requested, these; else T1, T2 and FLAIR of each case that gets nothing from a trained model,
    those that it lacks. What the base model cannot generate becomes a failure; what it does is no gap any more.

    Args:
        cases: case to contrast to file.
        plan: of the trained models; its failures and gaps change.
        source: the only contrast to start from, or none.
        targets: requested.
    """
    done = {(translation.case, translation.target) for translation in plan.translations}
    helped = {case for case, _ in done}
    made: list[BaseTranslation] = []
    for case, images in cases.items():
        wanted = targets or ([] if case in helped else [target for target in TARGETS if target not in images])
        missing = [target for target in wanted if (case, target) not in done]
        plan.failures = [f for f in plan.failures if f.case != case or f.target not in missing]
        for target in missing:
            planned = _planned(case, images, target, source)
            if isinstance(planned, BaseTranslation):
                made.append(planned)
            else:
                plan.failures.append(planned)
    plan.gaps = _without(plan.gaps, made)
    return made


def _without(gaps: Sequence[Gap], made: Sequence[BaseTranslation]) -> list[Gap]:
    """Return the gaps of the cases that the base model does not fill."""
    filled = {(translation.case, translation.target) for translation in made}
    left = [replace(gap, cases=tuple(c for c in gap.cases if (c, gap.target) not in filled)) for gap in gaps]
    return [gap for gap in left if gap.cases]


def nothing_for_base(plan: TranslationPlan) -> UserError:
    """Return why a plan with failures has nothing to generate."""
    failure = plan.failures[0]
    more = f" and {len(plan.failures) - 1} more" if len(plan.failures) > 1 else ""
    return UserError(f"nothing can be generated: {failure.case}: {failure.problem}{more}")


def _planned(case: str, images: Mapping[str, Path], target: str, source: str | None) -> BaseTranslation | TargetFailure:
    if target not in TARGETS:
        return TargetFailure(case, target, str(refused(target)))
    taken = [contrast for contrast in images if source in (None, contrast)]
    if not taken:
        return TargetFailure(case, target, f"there is no {source} to start from, only {', '.join(images)}")
    slots = slots_of(taken, target)
    if not slots:
        have = f"this case has {', '.join(taken)}"
        return TargetFailure(case, target, f"{NAME} starts from another contrast than {target} that it knows; {have}")
    given = {contrast: images[contrast] for contrast in slots.values()}
    first, file = next(iter(given.items()))
    left = tuple(contrast for contrast in taken if contrast not in given and contrast != target)
    return BaseTranslation(case, first, target, file, given, slots, left)
