"""Which models differ in PGD alone: with the loss and without it (HiFi-Syn Figs. 8 and 9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hifisyn.evaluation.model_task import EvaluationTask
from hifisyn.settings import flat

PGD = "settings.losses.pgd"
OTHERS = ("settings.losses.sgd", "settings.losses.ggd")
NamedTask = tuple[str, EvaluationTask]


@dataclass(frozen=True)
class PgdPair:
    """Two models whose plans differ in the weight of PGD alone.

    Attributes:
        having: the model that was trained with PGD: its label and its evaluation.
        lacking: the same without.
    """

    having: NamedTask
    lacking: NamedTask


def pairs_without_pgd(tasks: Sequence[NamedTask]) -> list[PgdPair]:
    """Return one pair for each set of contrasts: of several the one with most other losses, which is the whole model.

    A pair is evaluated on the same cases of the same slices.
    """
    found: dict[tuple[str, ...], list[PgdPair]] = {}
    plans = [flat(task.plans.model_dump(mode="json")) for _, task in tasks]
    for one, having in zip(tasks, plans, strict=True):
        for other, lacking in zip(tasks, plans, strict=True):
            if having.get(PGD, 0) > 0 and lacking.get(PGD) == 0 and _alike(one[1], other[1], having, lacking):
                found.setdefault(one[1].model.domains, []).append(PgdPair(one, other))
    return [max(pairs, key=_losses) for pairs in found.values()]


def _alike(one: EvaluationTask, other: EvaluationTask, having: dict[str, Any], lacking: dict[str, Any]) -> bool:
    same = {key: value for key, value in having.items() if key != PGD}
    return (
        same == {key: value for key, value in lacking.items() if key != PGD}
        and one.model.domains == other.model.domains
        and one.store.folder == other.store.folder
        and (one.cases, one.checkpoint.fold) == (other.cases, other.checkpoint.fold)
    )


def _losses(pair: PgdPair) -> int:
    plans = flat(pair.having[1].plans.model_dump(mode="json"))
    return sum(plans.get(key, 0) > 0 for key in OTHERS)
