"""What cases lack and no model makes, and the training that would make it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import MODALITIES
from hifisyn.inference.models import Model


@dataclass(frozen=True)
class Gap:
    """A contrast that cases lack, and which they have to start from.

    Attributes:
        target: the contrast.
        present: the contrasts that the cases have.
        cases: their names.
        command: the training that would make it; empty where no data set of the models has both contrasts.
    """

    target: str
    present: tuple[str, ...]
    cases: tuple[str, ...]
    command: str

    def __str__(self) -> str:
        lack, have = ("cases lack", "have") if len(self.cases) > 1 else ("case lacks", "has")
        what = f"{len(self.cases)} {lack} {self.target} and {have} {', '.join(self.present)}: no model makes it"
        return f"{what}; train one: {self.command}" if self.command else what


def find_gaps(
    cases: Mapping[str, Mapping[str, Path]],
    models: Sequence[Model],
    source: str | None = None,
    told: Collection[tuple[str, str]] = (),
) -> list[Gap]:
    """Return what cases lack of all contrasts that the models' data sets know, alike cases together.

    Args:
        cases: case to modality to file.
        models: the models there are.
        source: the only modality to start from, or none.
        told: case and contrast that are told elsewhere.
    """
    known = in_order({modality for model in models for modality in model.modalities})
    lacking: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for case, images in cases.items():
        present = tuple(in_order([modality for modality in images if source in (None, modality)]))
        for target in (target for target in known if target not in images and (case, target) not in told):
            if present and not any(model.makes(target, present) for model in models):
                lacking.setdefault((target, present), []).append(case)
    return [
        Gap(target, present, tuple(names), _command(models, target, present))
        for (target, present), names in lacking.items()
    ]


def in_order(modalities: Collection[str]) -> list[str]:
    """Return modalities in the usual order, others behind them."""
    return [m for m in MODALITIES if m in modalities] + sorted(set(modalities) - set(MODALITIES))


def _command(models: Sequence[Model], target: str, present: Sequence[str]) -> str:
    """Return the line that trains on a data set that has both contrasts, from its reference where that is there."""
    for model in (model for model in models if target in model.modalities):
        sources = [modality for modality in present if modality in model.modalities]
        if sources:
            source = model.reference if model.reference in sources else sources[0]
            return f"hifisyn_train {model.dataset} {source} {target} fold0"
    return ""
