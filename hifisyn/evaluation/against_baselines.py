"""A translator against its baselines, in the space of the slices, every direction.

Each case that has both contrasts of a direction is translated from the one and compared with the other. Whole stored
slices are compared; the networks see their centre window, around it the answer is background. Outside the brain every
answer is -1, as in prediction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from hifisyn.baselines import Baselines
from hifisyn.columns import CASE, DIRECTION, METHOD, SLICE, SUBJECT
from hifisyn.directions import Direction, directions
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import regions
from hifisyn.evaluation.case_measures import CASE_MEASURES
from hifisyn.evaluation.measures import MEASURES, by_case, by_dataset
from hifisyn.evaluation.score_answers import Scores, score_answers
from hifisyn.inference.prediction import Translated
from hifisyn.intensities import OUTSIDE
from hifisyn.slices import SliceStore
from hifisyn.training.fit_baselines import fit_baselines


class Translator(Protocol):
    """What translates slices: `hifisyn.inference.predictor.Predictor`, or a stand-in."""

    def translate(self, slices: np.ndarray, source: str, target: str) -> Translated:
        """Return (S, H, W) of `target` from `source`, (S, H, W) or amid neighbours (S, C, H, W), in [-1, 1]."""
        ...


@dataclass(frozen=True)
class ModelEvaluation:
    """The tables of a model.

    Attributes:
        slices: one row a direction, method and slice.
        cases: one row a direction, method and case: the measures of slices, averaged, and `CASE_MEASURES`.
        regions: one row a direction, method, case and structure of its label map.
        dataset: one row a direction and method, mean and standard deviation over cases.
        skipped: cases that lack a contrast, or whose registration of it is not trusted (`SliceStore.paired`), and so
            every direction from and to it.
        left_out: directions whose two contrasts no case has.
        failures: cases that could not be compared.
    """

    slices: pd.DataFrame
    cases: pd.DataFrame
    regions: pd.DataFrame
    dataset: pd.DataFrame
    skipped: tuple[str, ...]
    left_out: tuple[Direction, ...]
    failures: tuple[Failure, ...]


OnCase = Callable[[str, Direction, dict[str, np.ndarray], list[int]], None]
# Returns the rows of what stands beside in any evaluation, for a direction and cases.
Beside = Callable[[Direction, Sequence[str]], Scores]


def compare(
    translator: Translator,
    name: str,
    store: SliceStore,
    domains: Sequence[str],
    training: Sequence[str],
    cases: Sequence[str],
    *,
    min_pixels: float = 1,
    labels: Mapping[str, int] | None = None,
    subjects: Mapping[str, str] | None = None,
    context: int = 0,
    on_case: OnCase = lambda *_: None,
    beside: Beside | None = None,
) -> ModelEvaluation:
    """Compare a model and its baselines with the truth, in every direction that a case has both contrasts of.

    Args:
        translator: the model.
        name: what to call it in the tables.
        store: slices of all cases.
        domains: the contrasts, two or more.
        training: cases that the baselines may learn from.
        cases: cases to compare on; the model must not have been trained on them.
        min_pixels: slices with less brain are left out.
        labels: structure to value in the label maps; without them structures are not measured.
        subjects: case to subject; a case that is not there is its own subject.
        context: neighbours that the model takes on each side of a slice.
        on_case: called for each case: name, direction, source, model and truth as columns, slices that count.
        beside: returns rows that are the same for every model, of the cases that could be compared.

    Raises:
        UserError: no case has two of the contrasts, or none could be compared.
    """
    usable, skipped, failures = _usable_cases(store, domains, cases)
    structures = regions.of_labels(labels or {})
    found: list[Scores] = []
    for direction in (one for one, having in usable.items() if having):
        fitted = fit_baselines(store, training, *direction)
        compared = []
        for case in usable[direction]:
            try:
                answers, columns, told = _answers(translator, name, store, case, direction, fitted, context)
                scores = score_answers(answers, store, case, direction.target, min_pixels, structures, told)
            except UserError as error:
                failures.append(Failure(f"{case} {direction}", str(error)))
                continue
            where = {DIRECTION: str(direction), CASE: case, SUBJECT: (subjects or {}).get(case, case)}
            found.append(scores.assign(**where))
            on_case(case, direction, columns, sorted(set(scores.slices[SLICE])))
            compared.append(case)
        if beside and compared:
            found.append(beside(direction, compared))
    if not found:
        raise UserError(f"no case could be compared; the first, {failures[0].case}: {failures[0].reason}")
    keys, whole = [DIRECTION, METHOD, CASE, SUBJECT], Scores.together(found)
    by_slice = whole.slices[[*keys, SLICE, "brain_pixels", *MEASURES]]
    by_region = whole.regions.reindex(columns=[*keys, regions.REGION, regions.PIXELS, *regions.MEASURES])
    averaged = by_case(by_slice, [DIRECTION, METHOD, SUBJECT])[[*keys, "slices", *MEASURES]]
    by_subject = averaged.merge(whole.cases[[*keys, *CASE_MEASURES]], on=keys, how="left")
    by_method = by_dataset(by_subject, [DIRECTION, METHOD], (*MEASURES, *CASE_MEASURES))
    left_out = tuple(direction for direction, having in usable.items() if not having)
    return ModelEvaluation(by_slice, by_subject, by_region, by_method, tuple(skipped), left_out, tuple(failures))


def _usable_cases(
    store: SliceStore, domains: Sequence[str], cases: Sequence[str]
) -> tuple[dict[Direction, list[str]], list[str], list[Failure]]:
    """Return the cases with both contrasts of each direction, those that lack some, and those not preprocessed.

    A case lacks a contrast whose registration is not trusted.
    """
    there = set(store.cases())
    has = {case: store.paired(case) for case in cases if case in there}
    usable = {direction: [case for case in has if set(direction) <= has[case]] for direction in directions(domains)}
    failures = [Failure(case, "it has no slices; preprocess it") for case in cases if case not in there]
    if not any(usable.values()):
        needed = f"both {' and '.join(domains)}" if len(domains) == 2 else f"two of {', '.join(domains)}"
        raise UserError(
            f"{store.folder}: at least one case to compare on must have {needed}",
            got=", ".join(cases) or "no cases",
            hint="choose another --split",
        )
    return usable, [case for case in has if not set(domains) <= has[case]], failures


def _answers(
    translator: Translator,
    name: str,
    store: SliceStore,
    case: str,
    direction: Direction,
    fitted: Baselines,
    context: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the answer of every baseline and of the model, the columns to look at, and the errors that are expected.

    Columns are source, model and truth; an error is expected of the model, where it tells one.
    """
    source, truth, brain = store.image(case, direction.source), store.image(case, direction.target), store.brain(case)
    seen = store.neighbours(case, direction.source, None, context) if context else source
    translated = translator.translate(seen, *direction)
    synthetic = np.where(brain, translated.slices, OUTSIDE).astype(np.float32)
    told = {} if translated.expected_error is None else {name: translated.expected_error}
    columns = {direction.source: source, f"synthetic {direction.target}": synthetic, direction.target: truth}
    return fitted.answers(source, brain) | {name: synthetic}, columns, told
