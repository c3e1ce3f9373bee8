"""A translator against its rivals, in the space of the slices, both directions.

Each case that has both contrasts is translated from the one and compared with the other, which is looked at for
nothing else. Whole stored slices are compared; the networks see their centre window, around it the answer is
background. Outside the brain every answer is -1, as prediction leaves it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import regions, rivals
from hifisyn.evaluation.image import CASE, MEASURES, SLICE, by_case, by_dataset, counted, score
from hifisyn.image_metrics import ssim_map
from hifisyn.paths import SPLITS_JSON
from hifisyn.slices import SliceStore

DIRECTION, METHOD, SUBJECT = "direction", "method", "subject"


class Translator(Protocol):
    """What translates slices: `hifisyn.inference.predictor.Predictor`, or a stand-in."""

    def translate_slices(self, slices: np.ndarray, source: str, target: str) -> np.ndarray:
        """Return (S, H, W) of `target` made from (S, H, W) of `source`, both in [-1, 1]."""
        ...


@dataclass(frozen=True)
class ModelEvaluation:
    """The tables of a model.

    Attributes:
        slices: one row a direction, method and slice.
        cases: one row a direction, method and case.
        regions: one row a direction, method, case and structure of its label map.
        dataset: one row a direction and method, mean and standard deviation over cases.
        skipped: cases that lack one of both contrasts.
        failures: cases that could not be compared.
    """

    slices: pd.DataFrame
    cases: pd.DataFrame
    regions: pd.DataFrame
    dataset: pd.DataFrame
    skipped: tuple[str, ...]
    failures: tuple[Failure, ...]


Look = Callable[[str, tuple[str, str], dict[str, np.ndarray], list[int]], None]


def fit_rivals(store: SliceStore, training: Sequence[str], source: str, target: str) -> rivals.Rivals:
    """Fit the rivals of one direction on training cases; those with both contrasts serve the look-up table.

    Raises:
        UserError: no training case has the target.
    """
    has = {case: set(store.record(case)["modalities"]) for case in training}
    having = [case for case in training if target in has[case]]
    if not having:
        raise UserError(f"{store.folder}: wanted a training case with {target}, found none; check {SPLITS_JSON}")
    both = [case for case in having if source in has[case]]
    return rivals.fit(
        ((store.image(case, target), store.brain(case)) for case in having),
        ((store.image(case, source), store.image(case, target), store.brain(case)) for case in both),
    )


def compare(
    translator: Translator,
    name: str,
    store: SliceStore,
    pair: tuple[str, str],
    training: Sequence[str],
    cases: Sequence[str],
    *,
    min_pixels: float = 1,
    labels: Mapping[str, int] | None = None,
    subjects: Mapping[str, str] | None = None,
    look: Look = lambda *_: None,
) -> ModelEvaluation:
    """Compare a model and its rivals with the truth, in both directions.

    Args:
        translator: the model.
        name: what to call it in the tables.
        store: slices of all cases.
        pair: the two contrasts.
        training: cases that the rivals may learn from.
        cases: cases to compare on; the model must not have been trained on them.
        min_pixels: slices with less brain are left out.
        labels: structure to value in the label maps; none: structures are not looked at.
        subjects: case to subject; a case that is not there is its own subject.
        look: is shown each case: name, direction, source, model and truth as columns, slices that count.

    Raises:
        UserError: no case has both contrasts, or none could be compared.
    """
    usable, skipped, failures = _sorted(store, pair, cases)
    structures = regions.of_labels(labels or {})
    slice_tables, region_tables = [], []
    for way in (pair, pair[::-1]):
        fitted = fit_rivals(store, training, *way)
        for case in usable:
            try:
                answers, columns = _answers(translator, name, store, case, way, fitted)
                by_slice, by_region = _score(answers, columns[way[1]], store, case, min_pixels, structures)
            except UserError as error:
                failures.append(Failure(f"{case} {' to '.join(way)}", str(error)))
                continue
            where = {DIRECTION: " to ".join(way), CASE: case, SUBJECT: (subjects or {}).get(case, case)}
            slice_tables.append(by_slice.assign(**where))
            region_tables += [] if by_region.empty else [by_region.assign(**where)]
            look(case, way, columns, sorted(set(by_slice[SLICE])))
    if not slice_tables:
        raise UserError(f"wanted a case that can be compared, found none; the first: {failures[0].reason}")
    keys = [DIRECTION, METHOD, CASE, SUBJECT]
    by_slice = pd.concat(slice_tables, ignore_index=True)[[*keys, SLICE, "brain_pixels", *MEASURES]]
    by_region = pd.concat(region_tables or [regions.empty()], ignore_index=True)
    by_region = by_region.reindex(columns=[*keys, regions.REGION, regions.PIXELS, *regions.MEASURES])
    by_subject = by_case(by_slice, [DIRECTION, METHOD, SUBJECT])[[*keys, "slices", *MEASURES]]
    whole = by_dataset(by_subject, [DIRECTION, METHOD])
    return ModelEvaluation(by_slice, by_subject, by_region, whole, tuple(skipped), tuple(failures))


def _sorted(
    store: SliceStore, pair: tuple[str, str], cases: Sequence[str]
) -> tuple[list[str], list[str], list[Failure]]:
    """Return the cases with both contrasts, those with fewer, and those that were not preprocessed."""
    there = set(store.cases())
    has = {case: set(store.record(case)["modalities"]) for case in cases if case in there}
    usable = [case for case in has if set(pair) <= has[case]]
    failures = [Failure(case, "wanted its slices, found none; preprocess it") for case in cases if case not in there]
    if not usable:
        raise UserError(
            f"{store.folder}: wanted a case with both {pair[0]} and {pair[1]} to compare on, found none among "
            f"{', '.join(cases) or 'no cases'}; choose another --split"
        )
    return usable, [case for case in has if case not in usable], failures


def _answers(
    translator: Translator, name: str, store: SliceStore, case: str, way: tuple[str, str], fitted: rivals.Rivals
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the answer of every rival and of the model, and the columns to look at: source, model, truth."""
    source, truth, brain = store.image(case, way[0]), store.image(case, way[1]), store.brain(case)
    made = np.where(brain, translator.translate_slices(source, *way), -1).astype(np.float32)
    columns = {way[0]: source, f"synthetic {way[1]}": made, way[1]: truth}
    return fitted.answers(source, brain) | {name: made}, columns


def _score(
    answers: dict[str, np.ndarray],
    truth: np.ndarray,
    store: SliceStore,
    case: str,
    min_pixels: float,
    structures: Mapping[str, tuple[int, ...]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of one case and direction, slice by slice and structure by structure, of all methods."""
    brain = store.brain(case)
    chosen = counted(brain, min_pixels)
    label = store.label(case)[chosen] if structures and store.record(case)["labelled"] else None
    by_slice, by_region = [], []
    for method, answer in answers.items():
        similarity = ssim_map(answer, truth)
        rows = score(answer, truth, brain, min_pixels=min_pixels, similarity=similarity)
        by_slice.append(rows.assign(**{METHOD: method}))
        if label is not None:
            inside = regions.score(answer[chosen], truth[chosen], label, structures, similarity[chosen])
            by_region.append(inside.assign(**{METHOD: method}))
    return pd.concat(by_slice, ignore_index=True), pd.concat(by_region or [regions.empty()], ignore_index=True)
