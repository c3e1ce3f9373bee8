"""Many evaluations in a row: what each would take, doing those that are due, and one failure costing no other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation import of_model
from hifisyn.evaluation.baselines import BASELINE_NAMES
from hifisyn.evaluation.measures import LOWER_IS_BETTER, MEASURES, TITLES
from hifisyn.evaluation.model_label import label, of_contrasts
from hifisyn.evaluation.model_list import Evaluated, folds_of
from hifisyn.evaluation.model_tables import comparable, tables
from hifisyn.evaluation.model_task import EvaluationTask, look_up, out_of_date
from hifisyn.inference.models import Model
from hifisyn.inference.weights import Fold, Folds, Kinds, choose_weights
from hifisyn.paths import fold_folder
from hifisyn.statistics.units import SLICE, SUBJECT
from hifisyn.tables.comparison import compare_methods
from hifisyn.tables.table import Table

FIRST = "HiFiSyn"


@dataclass(frozen=True)
class Item:
    """One fold of a model, or several together, and what is to be done with it.

    Attributes:
        name: data set, contrasts and label of the model.
        task: the evaluation; none if it cannot be done.
        why: why it has to be done; empty where it is up to date.
        problem: why it cannot be done, or nothing.
        ended: whether the training came to its end.
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
        remark = "" if self.ended else "; its training has not ended"
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
) -> list[Item]:
    """Return what is to be done for every fold of the models; nothing is written.

    Args:
        models: the model folders.
        preprocessed: root of the preprocessed data sets; none: the usual one.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        fold: only this one, or several together; none: all that were trained, each by itself.
        checkpoint: "best", "final", "latest", several of these together, or none: the first of these that exists.
        tta: translate at shifts and mirrored too.
        min_brain: see `hifisyn.evaluation.of_model.evaluate_model`.
        overwrite: do again what is up to date.
    """

    def item(model: Model, folds: Sequence[Fold]) -> Item:
        name = f"{model.dataset} {'_'.join(model.domains)}"
        try:
            together = choose_weights(model, folds, checkpoint, tta).together
            name = f"{name} {label(model, folds[0], together)}"
            task = look_up(
                model.folder, preprocessed, split=split, fold=folds, checkpoint=checkpoint, tta=tta, min_brain=min_brain
            )
            why = out_of_date(task) or ("wanted again" if overwrite else "")
            return Item(name, task, why, ended=_ended(model, folds))
        except Exception as error:
            return Item(name, None, problem=one_line(error))

    return [item(model, folds) for model in models for folds in _folds(model, fold)]


def _folds(model: Model, wanted: Folds) -> list[list[Fold]]:
    """Return the folds of each evaluation of a model: each by itself, the one wanted, or several together."""
    there = folds_of(model)
    if wanted is None:
        return [[fold] for fold in there]
    several = [wanted] if isinstance(wanted, (int, str)) else list(wanted)
    return [several] if len(several) > 1 or several[0] in there else []


def _ended(model: Model, folds: Sequence[Fold]) -> bool:
    return all((fold_folder(model.folder, fold) / "checkpoint_final.pt").is_file() for fold in folds)


def carry_out(
    items: Sequence[Item], device: str = "auto", say: Callable[[str], None] = lambda _: None
) -> tuple[list[Evaluated], list[Failure]]:
    """Do the evaluations that are due.

    Args:
        items: see `survey`.
        device: see `hifisyn.inference.predictor.Predictor.from_folder`.
        say: is told each evaluation before it begins.

    Returns:
        All evaluations that are there now, and what failed: models, and cases of models.

    Raises:
        OSError: writing fails, which is no fault of a model.
    """
    there, failures = [], []
    for item in items:
        if item.task is None:
            failures.append(Failure(item.name, item.problem))
            continue
        if item.why:
            say(str(item))
            try:
                done = of_model.evaluate(item.task, of_model.load(item.task, device), overwrite=True)
            except OSError:
                raise
            except Exception as error:
                failures.append(Failure(item.name, one_line(error)))
                continue
            failures += [Failure(f"{item.name}: {failure.case}", failure.reason) for failure in done.failures]
        task = item.task
        there.append(Evaluated(task.model, task.checkpoint.fold, task.split, task.output, task.weights.together))
    return there, failures


def compared(evaluated: Sequence[Evaluated], *, reference: str | None = None, unit: str = SUBJECT) -> Iterator[Table]:
    """Yield a table of all models and baselines for each data set, direction and split.

    Args:
        evaluated: the evaluations.
        reference: model that the others are tested against; none: HiFiSyn where it is there, else the first.
        unit: of the tests: "subject", or "slice" as in the paper.

    Raises:
        UserError: there is no such model in a table.
    """
    for dataset in dict.fromkeys(one.model.dataset for one in evaluated):
        own = [one for one in evaluated if one.model.dataset == dataset]
        ours = [of_contrasts(FIRST, one.model.domains) for one in own]
        found = tables(own)
        for what, rows in comparable(found["slices" if unit == SLICE else "subjects"]):
            models = [name for name in rows["model"].unique() if name not in BASELINE_NAMES]
            yield compare_methods(
                rows,
                measures=MEASURES,
                by="",
                row="model",
                reference=reference or next(name for name in [*ours, models[0]] if name in models),
                unit=unit,
                titles=TITLES,
                lower_is_better=LOWER_IS_BETTER,
                title=f"{dataset}, {what}",
            )
