"""Evaluate a trained model on held-out cases, against baselines, and write the results.

How models and baselines are compared: `hifisyn.evaluation.against_baselines`. Which cases and where to:
`hifisyn.evaluation.model_task`.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hifisyn.columns import DIRECTION, METHOD
from hifisyn.dataset import Dataset
from hifisyn.directions import Direction
from hifisyn.engine.held import below, held
from hifisyn.engine.once import Once
from hifisyn.engine.progress import Progress
from hifisyn.evaluation import output_files, regions, synthetic_slices
from hifisyn.evaluation.against_baselines import Beside, ModelEvaluation, OnCase, compare
from hifisyn.evaluation.base_rows import BaseRows
from hifisyn.evaluation.measures import MEASURES
from hifisyn.evaluation.model_task import REGIONS_CSV, SLICES_CSV, SUBJECTS_CSV, EvaluationTask, look_up
from hifisyn.inference.weights import Folds, Kinds
from hifisyn.paths import DATASET_JSON

if TYPE_CHECKING:
    from hifisyn.inference.predictor import Predictor

log = logging.getLogger(__name__)


def evaluate(task: EvaluationTask, predictor: "Predictor", *, overwrite: bool = False) -> ModelEvaluation:
    """Do an evaluation.

    The base model is measured too, once for all models (`hifisyn.evaluation.base_rows`).

    Writes slices.csv, subjects.csv, regions.csv, a metrics_T1_to_T2.png a direction, a picture a case and direction
    and the synthetic slices (`hifisyn.evaluation.synthetic_slices`); summary.json last: where it is, all is complete.

    Args:
        task: what and where.
        predictor: the weights of the task.
        overwrite: replace an earlier evaluation.

    Raises:
        UserError: there is an earlier evaluation, another process writes one there, or no case can be compared.
    """
    output_files.claim(task.output, overwrite)
    with held(task.output, below(task.output)):
        task.once.begin()
        synthetic_slices.clear(task.output)
        subjects, min_pixels = subjects_of(task.model.folder), task.min_brain * task.plans.slices.crop**2
        done = compare(
            predictor,
            task.model.method,
            task.store,
            task.model.domains,
            task.training,
            task.cases,
            min_pixels=min_pixels,
            labels=task.plans.labels,
            subjects=subjects,
            context=predictor.context,
            beside=_base(task, subjects, min_pixels),
            on_case=_writer(task, Progress("comparing", len(task.model.directions) * len(task.cases))),
        )
        for direction in done.left_out:
            log.warning(f"left out, no case has both contrasts: {direction}")
        if done.skipped:
            log.warning(f"left out of some directions, a contrast lacks or is unregistered: {len(done.skipped)} cases")
        _write(task.once, task.model.folder.resolve().name, done)
        return done


def evaluate_model(
    folder: Path,
    preprocessed: Path | None = None,
    output: Path | None = None,
    *,
    split: str | None = None,
    fold: Folds = None,
    checkpoint: Kinds = None,
    tta: bool = False,
    device: str = "auto",
    min_brain: float | None = None,
    overwrite: bool = False,
) -> tuple[ModelEvaluation, Path]:
    """Evaluate a model folder on held-out cases; see `evaluate` for what is written.

    Args:
        folder: the model folder.
        preprocessed: root of the preprocessed data sets; None: the usual one.
        output: folder for the results; None: evaluation_<split> in the fold's folder, or where several translate
            together evaluation_<split>_<folds> in the model's.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        fold: see `hifisyn.inference.predictor.Predictor.from_folder`.
        checkpoint: see there.
        tta: see there.
        device: see there.
        min_brain: share of the crop that brain must cover for a slice to count; None: as in the plans.
        overwrite: replace an earlier evaluation.

    Returns:
        The tables, and the folder they are in.

    Raises:
        UserError: model, data set or cases do not exist.
    """
    task = look_up(
        folder, preprocessed, output, split=split, fold=fold, checkpoint=checkpoint, tta=tta, min_brain=min_brain
    )
    output_files.claim(task.output, overwrite)
    return evaluate(task, load(task, device), overwrite=overwrite), task.output


def load(task: EvaluationTask, device: str = "auto") -> "Predictor":
    """Load the weights of a task; see `hifisyn.inference.predictor.Predictor.from_folder`."""
    from hifisyn.inference.predictor import Predictor

    return Predictor.load(task.model, task.weights, device)


def _base(task: EvaluationTask, subjects: Mapping[str, str], min_pixels: float) -> Beside | None:
    """Return what measures the base model, where the directions of the model are among its own."""
    model = task.base
    if model is None:
        return None
    plans = task.plans
    rows = BaseRows(model, task.store, task.training, subjects, plans.labels, plans.slices.pixel_mm, min_pixels)
    return rows.measure


def subjects_of(model_folder: Path) -> dict[str, str]:
    """Return case to subject from the dataset.json beside the model; empty where there is none."""
    if not (model_folder / DATASET_JSON).is_file():
        return {}
    return {case.name: case.subject for case in Dataset.load(model_folder).all_cases.values()}


def _writer(task: EvaluationTask, progress: Progress) -> OnCase:
    """Return what stores and draws each case that was compared."""
    output, method = task.output, task.model.method

    def write(case: str, direction: Direction, columns: dict[str, np.ndarray], counted: Sequence[int]) -> None:
        name = f"{case}_{direction.key}"
        synthetic_slices.write(output, case, *direction, columns[f"synthetic {direction.target}"])
        output_files.comparison_sheet(output / f"{name}.png", columns, counted, f"{name} {method}")
        progress.step(name)

    return write


def _write(once: Once, model: str, done: ModelEvaluation) -> None:
    """Write the tables and pictures of all cases, and last summary.json."""
    output = once.folder
    output_files.write_table(output / SLICES_CSV, done.slices)
    output_files.write_table(output / SUBJECTS_CSV, done.cases)
    output_files.write_table(output / REGIONS_CSV, done.regions)
    for direction, cases in done.cases.groupby(DIRECTION, sort=False):
        output_files.boxes(output / f"metrics_{Direction.parse(str(direction)).key}.png", cases, METHOD, MEASURES)
    left_out = {"left_out": [str(direction) for direction in done.left_out]} if done.left_out else {}
    content = {
        "settings": {"model": model, "skipped": list(done.skipped)} | left_out,
        "mean": done.dataset,
        "regions": regions.by_dataset(done.regions, [DIRECTION, METHOD]),
    }
    once.finish(output_files.summary(content, done.failures))
