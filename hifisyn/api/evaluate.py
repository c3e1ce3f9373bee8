"""`hifisyn.evaluate`: what hifisyn_evaluate does."""

import logging
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict

import pandas as pd

from hifisyn.columns import DIRECTION, METHOD
from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.evaluation import by_site, model_list, of_all_models, of_model, of_volumes, output_files
from hifisyn.evaluation.detail_tables import detail_tables
from hifisyn.evaluation.measures import MIN_BRAIN
from hifisyn.evaluation.model_list import Evaluated
from hifisyn.evaluation.model_task import look_up
from hifisyn.evaluation.of_all_models import PlannedEvaluation
from hifisyn.evaluation.untrained import base_rows, what_base_is
from hifisyn.inference.models import Model
from hifisyn.inference.weights import Folds, Kinds
from hifisyn.paths import Roots
from hifisyn.tables.text import WIDEST

log = logging.getLogger(__name__)
Split = Literal["test", "val"]


@dataclass(frozen=True)
class EvaluationResult:
    """What was measured.

    Attributes:
        tables: of two folders or one model a table of means and standard deviations over cases; of several models
            one that compares them for each data set, direction and split, then those by site.
        text: the same to read.
        folders: where tables and pictures of each evaluation are; of a dry run where they would be.
        datasets: names of the data sets whose models were evaluated.
        failures: cases and models that could not be evaluated, and why.
    """

    tables: tuple[pd.DataFrame, ...] = ()
    text: str = ""
    folders: tuple[Path, ...] = ()
    datasets: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


class _Weights(TypedDict):
    """Which weights are evaluated, on which slices."""

    split: Split | None
    fold: Folds
    checkpoint: Kinds
    tta: bool
    min_brain: float | None


def evaluate(
    synth: Path | str | None = None,
    truth: Path | str | None = None,
    *,
    model: Sequence[Path | str] = (),
    dataset: Sequence[str] = (),
    output: Path | str | None = None,
    masks: Path | str | None = None,
    labels: Path | str | None = None,
    register: bool = False,
    min_brain: float | None = None,
    split: Split | None = None,
    fold: Folds = None,
    checkpoint: Kinds = None,
    tta: bool = False,
    results: Path | str | None = None,
    preprocessed: Path | str | None = None,
    device: str = "auto",
    reference: str | None = None,
    unit: Literal["subject", "slice"] = "subject",
    overwrite: bool = False,
    dry_run: bool = False,
) -> EvaluationResult:
    """Measure synthetic volumes against real scans, or trained models on held-out cases beside simple baselines.

    Metrics are those of documentation/explanation/evaluation.md, on intensities in [-1, 1]. With `synth` and `truth`
    two folders are compared; else models, of which only those are evaluated that were not yet or have changed.

    Args:
        synth: folder of synthetic volumes CASE_T2.nii.gz.
        truth: folder of real scans of the same names.
        model: model folders; empty: all below `results`.
        dataset: names of data sets whose models are evaluated; empty: all.
        output: folder for tables and pictures, of two folders or one model; none: inside of `synth` or the model.
        masks: folder of brain masks; none: those beside the synthetic volumes.
        labels: folder of label maps CASE.nii.gz: metrics inside each structure.
        register: register real scans that lie on another grid (rigid).
        min_brain: share of a slice that brain must cover, 0 to 1; none: 0.02, of models as in their plans.
        split: held-out "test" cases or "val" cases; none: test, or val where there is none.
        fold: number, "all" or several, whose predictions are averaged; none: every fold by itself, of one model the
            first that exists.
        checkpoint: "best", "final", "latest" or several of these; none: the first of these that exists.
        tta: average over shifts and mirror images of each slice; 8 times as long.
        results: folder of trained models; none: $hifisyn_results, else below $hifisyn_home.
        preprocessed: folder of preprocessed data sets; none: likewise.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        reference: model that the others are tested against; none: HiFiSyn where it exists, else the first.
        unit: of the tests; "slice", as in the paper, flatters.
        overwrite: replace earlier evaluations.
        dry_run: log what would be evaluated, and stop.

    Raises:
        UserError: there is nothing to evaluate, results exist, or the arguments contradict each other.

    >>> result = evaluate("synthetic", "real", output="measured")
    >>> result.tables[0][["modality", "cases"]].values.tolist()
    [['T2', 1]]
    >>> Path("measured/subjects.csv").exists()
    True
    """
    if model and dataset:
        raise UserError("--model and --dataset exclude each other", hint="leave out one of them")
    if synth is not None or truth is not None:
        if model or dataset:
            raise UserError("models and two folders exclude each other", hint=f"leave out {synth or truth}")
        if synth is None or truth is None:
            raise UserError("two folders are needed, SYNTH and TRUTH", got=f"{synth or truth} only", hint="see -h")
        folder = Path(synth) / "evaluation" if output is None else Path(output)
        return _volumes(Path(synth), Path(truth), folder, _path(masks), _path(labels), register, min_brain, overwrite)
    if labels is not None:
        raise UserError("--labels needs two folders, SYNTH and TRUTH", hint="see -h")
    weights = _Weights(split=split, fold=fold, checkpoint=checkpoint, tta=tta, min_brain=min_brain)
    pre = _path(preprocessed)
    if len(model) == 1:
        one = Path(model[0])
        plan = _plan_model(one, pre, _path(output), weights, overwrite) if dry_run else None
        return plan or _model(one, pre, _path(output), weights, device, overwrite)
    if output is not None:
        raise UserError("-o needs one --model", hint="leave it out: each model holds its own evaluation")
    root = Roots.resolve(results=results).results
    if not model:
        _check_datasets(root, dataset)
    models, broken = model_list.find(root, dataset, [Path(folder) for folder in model])
    planned = _plan(models, root, pre, weights, overwrite, bool(broken))
    log.info("\n".join(map(str, planned)))
    if dry_run:
        folders = tuple(item.task.output for item in planned if item.task)
        return EvaluationResult(folders=folders, failures=tuple(broken))
    return _carry_out(planned, tuple(broken), device, reference, unit)


def _volumes(
    synth: Path,
    truth: Path,
    output: Path,
    masks: Path | None,
    labels: Path | None,
    register: bool,
    min_brain: float | None,
    overwrite: bool,
) -> EvaluationResult:
    done = of_volumes.evaluate(
        synth,
        truth,
        output,
        masks=masks,
        labels=labels,
        register=register,
        min_brain=MIN_BRAIN if min_brain is None else min_brain,
        overwrite=overwrite,
    )
    if done.dataset.empty:
        return EvaluationResult(failures=tuple(done.failures))
    text = output_files.mean_and_spread(done.dataset, [of_volumes.MODALITY, "cases", "slices"])
    whole = done.cases.assign(**{METHOD: "synthetic"})
    details = [table.text() for _, table in detail_tables(whole, METHOD, by=of_volumes.MODALITY)]
    return EvaluationResult((done.dataset,), "\n\n".join([text, *details]), (output,), failures=tuple(done.failures))


def _model(
    folder: Path, preprocessed: Path | None, output: Path | None, weights: _Weights, device: str, overwrite: bool
) -> EvaluationResult:
    task = look_up(folder, preprocessed, output, **weights)
    output_files.claim(task.output, overwrite)
    done = of_model.evaluate(task, of_model.load(task, device), overwrite=overwrite)
    if done.skipped:
        log.warning(f"left out, since a contrast lacks: {', '.join(done.skipped)}")
    if done.dataset.empty:
        return EvaluationResult(failures=tuple(done.failures))
    texts = [
        f"{direction}\n{output_files.mean_and_spread(table, [METHOD, 'cases', 'slices'])}"
        for direction, table in done.dataset.groupby(DIRECTION, sort=False)
    ]
    texts += textwrap.wrap(what_base_is(base_rows(done.dataset[METHOD])), WIDEST)
    for direction, cases in done.cases.groupby(DIRECTION, sort=False):
        texts += [table.text() for _, table in detail_tables(cases, METHOD, title=str(direction))]
    dataset = task.model.dataset
    texts += [table.text() for table in by_site.of_evaluations([Evaluated.of(task)], {dataset: task.dataset_folder})]
    return EvaluationResult((done.dataset,), "\n\n".join(texts), (task.output,), (dataset,), tuple(done.failures))


def _plan_model(
    folder: Path, preprocessed: Path | None, output: Path | None, weights: _Weights, overwrite: bool
) -> EvaluationResult:
    task = look_up(folder, preprocessed, output, **weights)
    output_files.claim(task.output, overwrite)
    log.info(str(of_all_models.plan_task(task, overwrite=overwrite)))
    return EvaluationResult(folders=(task.output,))


def _check_datasets(results: Path, requested: Sequence[str]) -> None:
    """Check that there are trained models, of each of the data sets."""
    trained = model_list.datasets(results)
    if not trained or not set(requested) <= set(trained):
        raise UserError(
            f"{results} must hold trained models" + (f" of {' and '.join(requested)}" if requested else ""),
            got=f"models of {', '.join(trained)}" if trained else "none",
            hint="train with hifisyn_train, pass another --results, or compare two folders, SYNTH and TRUTH",
        )


def _plan(
    models: Sequence[Model],
    results: Path,
    preprocessed: Path | None,
    weights: _Weights,
    overwrite: bool,
    broken: bool,
) -> list[PlannedEvaluation]:
    """Return the evaluations of the models; where weights are averaged also those of single folds that exist."""
    planned = of_all_models.survey(models, preprocessed, **weights, overwrite=overwrite)
    if not planned and not broken:
        folds = " ".join(map(str, _several(weights["fold"]))) or "0"
        raise UserError(f"no model in {results} has weights of fold {folds}", hint="train one with hifisyn_train")
    if weights["tta"] or len(_several(weights["fold"])) > 1 or len(_several(weights["checkpoint"])) > 1:
        single = of_all_models.survey(models, preprocessed, split=weights["split"], min_brain=weights["min_brain"])
        planned += [item for item in single if item.task and not item.why]
    return planned


def _carry_out(
    planned: Sequence[PlannedEvaluation],
    broken: tuple[Failure, ...],
    device: str,
    reference: str | None,
    unit: str,
) -> EvaluationResult:
    evaluated, failures = of_all_models.carry_out(planned, device)
    tables = list(of_all_models.compared(evaluated, reference=reference, unit=unit))
    folders = {item.task.model.dataset: item.task.dataset_folder for item in planned if item.task}
    tables += by_site.of_evaluations(evaluated, folders)
    return EvaluationResult(
        tables=tuple(table.numbers for table in tables),
        text="\n".join(f"\n{table.text()}" for table in tables),
        folders=tuple(one.folder for one in evaluated),
        datasets=tuple(dict.fromkeys(one.model.dataset for one in evaluated)),
        failures=(*broken, *failures),
    )


def _several(given: Folds | Kinds) -> Sequence[object]:
    """Return folds or kinds of checkpoints as a sequence; empty where none are named."""
    if given is None:
        return ()
    return (given,) if isinstance(given, int | str) else given


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
