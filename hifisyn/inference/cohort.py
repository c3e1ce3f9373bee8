"""A whole cohort completed in one call: each case gets what it lacks, and no case costs another."""

import errno
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.inference.cases import find_cases
from hifisyn.inference.models import Model, find_models, read_model
from hifisyn.inference.outputs import Outputs, writable
from hifisyn.inference.predictor import Prediction, Predictor
from hifisyn.inference.sidecar import identity, sidecar
from hifisyn.inference.tasks import Failure, Task, channel_order, make_tasks
from hifisyn.paths import Roots
from hifisyn.pictures import sheet
from hifisyn.training.logbook import duration
from hifisyn.volume import Volume

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How predictions are made, whatever the cases are.

    Attributes:
        fold, checkpoint: which weights of each model; none: lowest fold, best before final before latest.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        stripped: whether the skull is removed from the scans already; none: found out for each.
        overwrite: replace outputs that exist.
        resume: keep outputs that the same model made from the same scan, make the others.
        command: what the user typed, for the sidecar.
    """

    fold: int | str | None = None
    checkpoint: str | None = None
    device: str = "auto"
    stripped: bool | None = None
    overwrite: bool = False
    resume: bool = False
    command: str = ""


@dataclass
class Summary:
    """What came of a cohort.

    Attributes:
        made: volumes written.
        kept: volumes that were there already.
        failures: what could not be made, and why.
    """

    made: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def predict_folder(
    path: Path | str,
    output: Path | str,
    *,
    models: Sequence[Path | str] = (),
    results: Path | str | None = None,
    source: str | None = None,
    targets: Sequence[str] = (),
    settings: Settings | None = None,
    say: Say = print,
) -> Summary:
    """Make the contrasts that the cases of a folder lack.

    Args:
        path: a folder of NIfTI files named CASE_MODALITY.nii.gz, or one file.
        output: folder to write to; another one than `path`.
        models: model folders to choose from; empty: all below `results`.
        results: root of the results, where `models` is empty.
        source: the only modality to start from.
        targets: the modalities to make, even where a case has them; empty: those that lack.
        settings: how.
        say: takes the lines of progress.

    Raises:
        UserError: nothing can be done at all, or outputs exist; nothing was written then.
    """
    path, output, settings = Path(path), Path(output), settings or Settings()
    if output.resolve() == (path if path.is_dir() else path.parent).resolve():
        raise UserError(
            f"{output}: wanted another folder than the input's, or synthetic files pass for scans; change -o"
        )
    known = [read_model(folder) for folder in models] or _models_below(results)
    inputs = find_cases(path, channel_order(known), source)
    for file in inputs.unknown:
        say(f"left out: {file.name}, whose name does not end with a modality")
    tasks, failures = make_tasks(inputs.cases, known, source, targets)
    summary = Summary(failures=failures)
    predictors = _load(tasks, settings, say)
    todo = _unfinished(tasks, predictors, output, settings, summary)
    _make_all(todo, predictors, output, settings, summary, say)
    return summary


def _models_below(results: Path | str | None) -> list[Model]:
    root = Roots.resolve(results=results).results
    models = find_models(root)
    if not models:
        raise UserError(
            f"{root}: wanted a trained model, found none; "
            "name its folder with --model, or the results with --results, or train one with hifisyn_train"
        )
    return models


def _load(tasks: list[Task], settings: Settings, say: Say) -> dict[Path, Predictor]:
    predictors = {}
    for model in {task.model.folder: task.model for task in tasks}.values():
        predictor = Predictor.from_folder(model.folder, settings.fold, settings.checkpoint, settings.device)
        weights = predictor.checkpoint
        say(f"model: {model.folder} ({model}), fold {weights.fold}, {weights.kind} checkpoint, on {predictor.device}")
        predictors[model.folder] = predictor
    return predictors


def _unfinished(
    tasks: list[Task], predictors: dict[Path, Predictor], output: Path, settings: Settings, summary: Summary
) -> list[Task]:
    """Return the tasks that are still to do.

    Raises:
        UserError: an output exists and is neither to be replaced nor the same.
    """
    todo, in_the_way = [], []
    for task in tasks:
        outputs = Outputs(output, task.case, task.target)
        finished = outputs.record() if settings.resume else None
        wanted = identity(task, predictors[task.model.folder]) if finished else {}
        if finished and all(finished.get(key) == value for key, value in wanted.items()):
            summary.kept.append(outputs.image)
            continue
        if finished or (outputs.existing and not settings.overwrite and not settings.resume):
            in_the_way.append(outputs.stem)
        todo.append(task)
    if in_the_way:
        names = ", ".join(in_the_way[:3]) + (f" and {len(in_the_way) - 3} more" if len(in_the_way) > 3 else "")
        why = "outputs of other scans or weights" if settings.resume else "outputs"
        advice = "--overwrite" if settings.resume else "--overwrite, or --continue to keep finished ones"
        raise UserError(f"{output}: wanted room for new outputs, found {why} ({names}); pass {advice}, or change -o")
    return todo


def _make_all(
    tasks: list[Task], predictors: dict[Path, Predictor], output: Path, settings: Settings, summary: Summary, say: Say
) -> None:
    writable(output)
    began = time.monotonic()
    for number, task in enumerate(tasks, start=1):
        outputs = Outputs(output, task.case, task.target)
        try:
            outside = _make(task, predictors[task.model.folder], outputs, settings)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            summary.failures.append(Failure(task.case, task.target, _problem(error)))
            ending = "failed"
        else:
            summary.made.append(outputs.image)
            ending = f"{outside:.1%} of the brain lies outside the model's view" if outside > 0.001 else "done"
        left = (time.monotonic() - began) / number * (len(tasks) - number)
        say(f"[{number}/{len(tasks)}] {task.case}: {task.source} to {task.target}: {ending}, {duration(left)} left")


def _make(task: Task, predictor: Predictor, outputs: Outputs, settings: Settings) -> float:
    """Make one volume and write its files; return the share of the brain that the model cannot see."""
    prediction = predictor.predict(Volume.load(task.file), task.source, task.target, stripped=settings.stripped)
    with outputs.staged() as stage:
        prediction.image.save(stage.image)
        prediction.brain.save(stage.brain)
        sheet(stage.picture, _columns(task, prediction), title=f"{task.case}: {task.target} is synthetic")
        write_json(stage.sidecar, sidecar(task, predictor, prediction, settings.command))
    return prediction.record.outside_crop


def _columns(task: Task, prediction: Prediction) -> dict:
    return {task.source: prediction.source_slices, f"synthetic {task.target}": prediction.slices}


def _problem(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
