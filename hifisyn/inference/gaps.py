"""What cases lack and no model generates, and the training that would give such a model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import MODALITIES
from hifisyn.inference.choice import Candidates
from hifisyn.inference.models import Model


@dataclass(frozen=True)
class Gap:
    """A contrast that cases lack, and which they have to start from.

    Attributes:
        target: the contrast.
        present: the contrasts that the cases have.
        cases: their names.
        command: the training that would give a model; empty where no data set of the models has both contrasts.
        candidates: the models that do not generate it.
    """

    target: str
    present: tuple[str, ...]
    cases: tuple[str, ...]
    command: str
    candidates: Candidates

    def __str__(self) -> str:
        lack, have = ("cases lack", "have") if len(self.cases) > 1 else ("case lacks", "has")
        contrasts = f"{len(self.cases)} {lack} {self.target} and {have} {', '.join(self.present)}"
        what = f"{contrasts}: {self.candidates.none} generates it"
        hints = [self.candidates.remedy] if self.candidates.named else []
        hints += [f"train one: {self.command}"] if self.command else []
        return f"{what}; {', or '.join(hints)}" if hints else what


def find_gaps(
    cases: Mapping[str, Mapping[str, Path]],
    candidates: Candidates,
    source: str | None = None,
    reported: Collection[tuple[str, str]] = (),
) -> list[Gap]:
    """Return what cases lack of all contrasts that the models' data sets have, alike cases together.

    Args:
        cases: case to contrast to file.
        candidates: the models.
        source: the only contrast to start from, or None.
        reported: case and contrast that are reported elsewhere.
    """
    models = candidates.models
    known = in_order({contrast for model in models for contrast in model.modalities})
    lacking: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for case, images in cases.items():
        present = tuple(in_order([contrast for contrast in images if source in (None, contrast)]))
        for target in (target for target in known if target not in images and (case, target) not in reported):
            if present and not candidates.generate(target, present):
                lacking.setdefault((target, present), []).append(case)
    return [
        Gap(target, present, tuple(names), _command(models, target, present), candidates)
        for (target, present), names in lacking.items()
    ]


def in_order(contrasts: Collection[str]) -> list[str]:
    """Return contrasts in the usual order, others behind them."""
    return [m for m in MODALITIES if m in contrasts] + sorted(set(contrasts) - set(MODALITIES))


def _command(models: Sequence[Model], target: str, present: Sequence[str]) -> str:
    """Return the command that trains on a data set with both contrasts, from its reference where that is present."""
    for model in (model for model in models if target in model.modalities):
        sources = [contrast for contrast in present if contrast in model.modalities]
        if sources:
            source = model.reference if model.reference in sources else sources[0]
            return f"hifisyn_train {model.dataset} {source} {target} fold0"
    return ""
