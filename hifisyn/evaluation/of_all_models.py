"""Many evaluations in a row: which are due, doing those, and their tables; failures are isolated per evaluation."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.columns import MODEL, SLICE, SUBJECT
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation import of_model
from hifisyn.evaluation.adapted_rows import competes, rows_of_base, with_adapted_explained
from hifisyn.evaluation.ceilings import ceiling_rows, with_ceilings_explained
from hifisyn.evaluation.detail_tables import detail_tables
from hifisyn.evaluation.measures import LOWER_IS_BETTER, MEASURES, TITLES
from hifisyn.evaluation.model_label import label, of_contrasts
from hifisyn.evaluation.model_list import Evaluated, folds_of
from hifisyn.evaluation.model_tables import comparable_groups, tables
from hifisyn.evaluation.model_task import EvaluationTask, look_up, out_of_date
from hifisyn.evaluation.untrained import base_rows, is_untrained, models_last, with_base_explained
from hifisyn.inference.models import Model
from hifisyn.inference.weights import Fold, Folds, Kinds, choose_weights
from hifisyn.paths import fold_folder
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.table import Table

FIRST = "HiFiSyn"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlannedEvaluation:
    """One fold of a model, or several together, and whether its evaluation is due.

    Attributes:
        name: data set, contrasts and label of the model.
        task: the evaluation; None if it cannot be done.
        why: why it has to be done; empty where it is up to date.
        problem: why it cannot be done, or nothing.
        ended: whether the training has finished.
    """

    name: str
    task: EvaluationTask | None
    why: str = ""
    problem: str = ""
    ended: bool = True

    def __str__(self) -> str:
        if self.task is None:
            return f"{self.name}: cannot be done, {self.problem}"
        what = f"to do, {self.why}" if self.why else "up to date"
        remark = "" if self.ended else "; its training has not finished"
        return f"{self.name}, {self.task.split} ({len(self.task.cases)} cases): {what}{remark}"


def survey(
    models: Iterable[Model],
    preprocessed: Path | None = None,
    *,
    split: str | None = None,
    fold: Folds = None,
    checkpoint: Kinds = None,
    tta: bool = False,
    min_brain: float | None = None,
    overwrite: bool = False,
) -> list[PlannedEvaluation]:
    """Return the evaluation of every fold of the models, and whether it is due; nothing is written.

    Args:
        models: the model folders.
        preprocessed: root of the preprocessed data sets; None: the usual one.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        fold: only this one, or several together; None: all that were trained, each by itself.
        checkpoint: "best", "final", "latest", several of these together, or None: the first of these that exists.
        tta: translate at shifts and mirrored too.
        min_brain: see `hifisyn.evaluation.of_model.evaluate_model`.
        overwrite: do again what is up to date.
    """

    def plan(model: Model, folds: Sequence[Fold]) -> PlannedEvaluation:
        name = f"{model.dataset} {'_'.join(model.domains)}"
        try:
            together = choose_weights(model, folds, checkpoint, tta).together
            name = f"{name} {label(model, folds[0], together)}"
            task = look_up(
                model.folder, preprocessed, split=split, fold=folds, checkpoint=checkpoint, tta=tta, min_brain=min_brain
            )
            return plan_task(task, overwrite=overwrite)
        except Exception as error:
            return PlannedEvaluation(name, None, problem=one_line(error))

    return [plan(model, folds) for model in models for folds in _folds(model, fold)]


def plan_task(task: EvaluationTask, *, overwrite: bool = False) -> PlannedEvaluation:
    """Return an evaluation with its name and why it is due, if it is."""
    model, weights = task.model, task.weights
    name = f"{model.dataset} {'_'.join(model.domains)} {label(model, weights.folds[0], weights.together)}"
    why = out_of_date(task) or ("--overwrite" if overwrite else "")
    return PlannedEvaluation(name, task, why, ended=_ended(model, weights.folds))


def _folds(model: Model, requested: Folds) -> list[list[Fold]]:
    """Return the folds of each evaluation of a model: each by itself, the one requested, or several together."""
    existing = folds_of(model)
    if requested is None:
        return [[fold] for fold in existing]
    several = [requested] if isinstance(requested, (int, str)) else list(requested)
    return [several] if len(several) > 1 or several[0] in existing else []


def _ended(model: Model, folds: Sequence[Fold]) -> bool:
    return all((fold_folder(model.folder, fold) / "checkpoint_final.pt").is_file() for fold in folds)


def carry_out(planned: Sequence[PlannedEvaluation], device: str = "auto") -> tuple[list[Evaluated], list[Failure]]:
    """Do the evaluations that are due; each is logged before it begins.

    Args:
        planned: see `survey`.
        device: see `hifisyn.inference.predictor.Predictor.from_folder`.

    Returns:
        All evaluations that exist now, and what failed: models, and cases of models.

    Raises:
        OSError: writing fails, which is no fault of a model.
    """
    evaluated, failures = [], []
    for item in planned:
        if item.task is None:
            failures.append(Failure(item.name, item.problem))
            continue
        if item.why:
            log.info(str(item))
            try:
                done = of_model.evaluate(item.task, of_model.load(item.task, device), overwrite=True)
            except OSError:
                raise
            except Exception as error:
                failures.append(Failure(item.name, one_line(error)))
                continue
            failures += [Failure(f"{item.name}: {failure.case}", failure.reason) for failure in done.failures]
        evaluated.append(Evaluated.of(item.task))
    return evaluated, failures


def compared(evaluated: Sequence[Evaluated], *, reference: str | None = None, unit: str = SUBJECT) -> Iterator[Table]:
    """Yield a table of all models and of what needs no training for each data set, direction and split, then details.

    Args:
        evaluated: the evaluations.
        reference: model that the others are tested against; None: HiFiSyn where it exists, else the first.
        unit: of the tests: "subject", or "slice" as in the paper.

    Raises:
        UserError: there is no such model in a table.
    """
    for dataset in dict.fromkeys(one.model.dataset for one in evaluated):
        own = [one for one in evaluated if one.model.dataset == dataset]
        ours = [of_contrasts(FIRST, one.model.domains) for one in own]
        joined = tables(own)
        for what, rows in comparable_groups(joined["slices" if unit == SLICE else "subjects"]):
            models = rows[MODEL][~is_untrained(rows[MODEL])].unique()
            base, ceilings = base_rows(rows[MODEL]), ceiling_rows(models)
            by_default = [*ours, *(name for name in models if competes(name)), models[0]]
            table = compare_methods(
                models_last(rows, MODEL),
                measures=MEASURES,
                by="",
                row=MODEL,
                reference=reference or next(name for name in by_default if name in models),
                apart=rows_of_base(rows[MODEL]),
                unranked=ceilings,
                unit=unit,
                titles=TITLES,
                lower_is_better=LOWER_IS_BETTER,
                title=f"{dataset}, {what}",
            )
            table = with_adapted_explained(with_base_explained(table, base), rows[MODEL])
            yield with_ceilings_explained(table, ceilings)
        for what, rows in comparable_groups(joined["subjects"]):
            for _, detail in detail_tables(models_last(rows, MODEL), MODEL, title=f"{dataset}, {what}"):
                yield detail
