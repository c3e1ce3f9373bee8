"""A trained model against its rivals, in the space of the slices it was trained on, both directions.

Each case that has both contrasts is translated from the one and compared with the other, which is looked at for
nothing else. Whole stored slices are compared; the networks see their centre window, around it the answer is
background. Outside the brain every answer is -1, as prediction leaves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from hifisyn.engine.jobs import Failure
from hifisyn.engine.progress import Progress
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files, rivals
from hifisyn.evaluation.image import CASE, MEASURES, SLICE, by_case, by_dataset, score
from hifisyn.image_metrics import DATA_RANGE
from hifisyn.paths import SPLITS_JSON, Roots, slices_folder
from hifisyn.planning.splits import Splits
from hifisyn.slices import SliceStore

DIRECTION, METHOD = "direction", "method"
TEST, VALIDATION = "test", "val"


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
        dataset: one row a direction and method, mean and standard deviation over cases.
        skipped: cases that lack one of both contrasts.
        failures: cases that could not be compared.
    """

    slices: pd.DataFrame
    cases: pd.DataFrame
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
        look: is shown each case: name, direction, source, model and truth as columns, slices that count.

    Raises:
        UserError: no case has both contrasts, or none could be compared.
    """
    usable, skipped, failures = _sorted(store, pair, cases)
    tables = []
    for way in (pair, pair[::-1]):
        fitted = fit_rivals(store, training, *way)
        for case in usable:
            try:
                table, columns = _case(translator, name, store, case, way, fitted, min_pixels)
            except UserError as error:
                failures.append(Failure(f"{case} {' to '.join(way)}", str(error)))
                continue
            tables.append(table)
            look(case, way, columns, sorted(set(table[SLICE])))
    if not tables:
        raise UserError(f"wanted a case that can be compared, found none; the first: {failures[0].reason}")
    slices_table = pd.concat(tables, ignore_index=True)[[DIRECTION, METHOD, CASE, SLICE, "brain_pixels", *MEASURES]]
    cases_table = by_case(slices_table, [DIRECTION, METHOD])
    dataset_table = by_dataset(cases_table, [DIRECTION, METHOD])
    return ModelEvaluation(slices_table, cases_table, dataset_table, tuple(skipped), tuple(failures))


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


def _case(
    translator: Translator,
    name: str,
    store: SliceStore,
    case: str,
    way: tuple[str, str],
    fitted: rivals.Rivals,
    min_pixels: float,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return the rows of one case and direction, and its columns to look at: source, model, truth."""
    source, truth, brain = store.image(case, way[0]), store.image(case, way[1]), store.brain(case)
    made = np.where(brain, translator.translate_slices(source, *way), -1).astype(np.float32)
    tables = [
        score(answer, truth, brain, min_pixels=min_pixels).assign(**{METHOD: method})
        for method, answer in (fitted.answers(source, brain) | {name: made}).items()
    ]
    rows = pd.concat(tables, ignore_index=True).assign(**{DIRECTION: " to ".join(way), CASE: case})
    return rows, {way[0]: source, f"synthetic {way[1]}": made, way[1]: truth}


def choose_cases(splits: Splits, fold: int | str, split: str | None) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return which split is used, its cases, and the training cases of the fold.

    Args:
        splits: of the data set.
        fold: number of the fold, or "all".
        split: "test", "val", or none: test where there is any, else val.

    Raises:
        UserError: there are no test cases, or validation cases of fold "all" are wanted, which trained on them.
    """
    chosen = split or (TEST if splits.test else VALIDATION)
    if chosen == TEST and not splits.test:
        raise UserError(f"wanted test cases, found none in {SPLITS_JSON}; pass --split val")
    if chosen == VALIDATION and fold == "all":
        raise UserError("wanted cases that fold all was not trained on, found test cases only; pass --split test")
    part = splits.fold(fold)
    return chosen, splits.test if chosen == TEST else part.val, part.train


def evaluate_model(
    folder: Path,
    preprocessed: Path | None = None,
    output: Path | None = None,
    *,
    split: str | None = None,
    fold: int | str | None = None,
    checkpoint: str | None = None,
    device: str = "auto",
    min_brain: float | None = None,
    overwrite: bool = False,
) -> tuple[ModelEvaluation, Path]:
    """Evaluate a model folder on cases that it never saw.

    Writes slices.csv, subjects.csv, summary.json, metrics_<source>_to_<target>.png and a picture a case and direction.

    Args:
        folder: the model folder.
        preprocessed: root of the preprocessed data sets; none: the usual one.
        output: folder for the results; none: evaluation_<split> in the fold's folder.
        split: see `choose_cases`.
        fold: see `hifisyn.inference.predictor.Predictor.from_folder`.
        checkpoint: see there.
        device: see there.
        min_brain: share of the crop that brain must cover for a slice to count; none: as the plans say.
        overwrite: replace an earlier evaluation.

    Returns:
        The tables, and the folder they are in.

    Raises:
        UserError: model, data set or cases are not there.
    """
    from hifisyn.inference.predictor import Predictor

    predictor = Predictor.from_folder(folder, fold, checkpoint, device)
    plans, method = predictor.plans, predictor.model.method
    dataset = Roots.resolve(preprocessed=preprocessed).preprocessed_dataset(plans.dataset)
    splits = Splits.load(dataset / SPLITS_JSON)
    chosen, cases, training = choose_cases(splits, predictor.checkpoint.fold, split)
    output = output or predictor.checkpoint.file.parent / f"evaluation_{chosen}"
    output_files.claim(output, overwrite)
    look = _sheets(output, method, Progress("comparing", 2 * len(cases)))
    share = plans.slices.min_brain if min_brain is None else min_brain
    store, pixels = SliceStore(slices_folder(dataset, plans.name)), share * plans.slices.crop**2
    done = compare(predictor, method, store, predictor.model.pair, training, cases, min_pixels=pixels, look=look)
    weights = {"fold": predictor.checkpoint.fold, "checkpoint": predictor.checkpoint.kind}
    what = {"split": chosen, "rivals_fitted_on": list(training), "min_brain": share}
    _write(output, done, {"model": folder.resolve().name} | weights | what)
    return done, output


def _sheets(output: Path, method: str, progress: Progress) -> Look:
    def look(case: str, way: tuple[str, str], columns: dict[str, np.ndarray], counted: list[int]) -> None:
        name = f"{case}_{way[0]}_to_{way[1]}"
        output_files.comparison_sheet(output / f"{name}.png", columns, counted, f"{name} {method}")
        progress.step(name)

    return look


def _write(output: Path, done: ModelEvaluation, what: dict[str, Any]) -> None:
    output_files.write_table(output / "slices.csv", done.slices)
    output_files.write_table(output / "subjects.csv", done.cases)
    for direction, cases in done.cases.groupby(DIRECTION, sort=False):
        output_files.boxes(output / f"metrics_{str(direction).replace(' ', '_')}.png", cases, METHOD, MEASURES)
    settings = what | {"data_range": DATA_RANGE, "ssim": output_files.SSIM, "skipped": list(done.skipped)}
    output_files.write_summary(
        output / output_files.SUMMARY_JSON, {"settings": settings, "mean": done.dataset}, done.failures
    )
