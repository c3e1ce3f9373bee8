"""The work on one case, and many cases at a time in processes of their own."""

import errno
import multiprocessing
import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hifisyn.engine.processes import THREAD_VARIABLES
from hifisyn.engine.resources import allowed_cpus
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.inference.models import Model
from hifisyn.inference.outputs import OutputFolder
from hifisyn.inference.prediction import Prediction
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.sidecar import sidecar
from hifisyn.inference.translations import Translation
from hifisyn.inference.weights import Folds, Kinds, choose_weights
from hifisyn.pictures import sheet
from hifisyn.plans import Plans
from hifisyn.preprocessing.brain import planned_tool
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.preprocessing.record import Record
from hifisyn.preprocessing.steps import Stage, Step
from hifisyn.volume import Volume

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass(frozen=True)
class PredictionSettings:
    """How predictions are made, whatever the cases are.

    Attributes:
        fold, checkpoint: which weights of each model, several of them together; none: lowest fold, best before final
            before latest.
        tta: whether each image is translated at shifts and mirrored too.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        stripped: whether the skull is removed from the scans already; none: found out for each.
        skull_strip: the tool that the user names; none: as the model's plans have it.
        strip_command: the user's own template for "command"; one of the model's plans is never run.
        masks: folder of the user's own brain masks, CASE.nii.gz or CASE_brain.nii.gz, on the grids of the sources.
        command: what the user typed, for the sidecar.
        processes: cases at a time.
    """

    fold: Folds = None
    checkpoint: Kinds = None
    tta: bool = False
    device: str = "auto"
    stripped: bool | None = None
    skull_strip: str | None = None
    strip_command: str = ""
    masks: Path | None = None
    command: str = ""
    processes: int = 1


@dataclass(frozen=True)
class Attempt:
    """What became of a task.

    Attributes:
        task: what was to be made.
        problem: why it was not, in one line; empty where it was.
        unseen: share of the brain that lies outside the model's view.
        skull_strip: how the brain was found; none where the task failed before.
    """

    task: Translation
    problem: str = ""
    unseen: float = 0.0
    skull_strip: Step | None = None


class Worker:
    """Makes the tasks of one case after the other; a scan that serves several models is prepared once."""

    def __init__(
        self, predictors: Mapping[Path, Predictor], output: OutputFolder, settings: PredictionSettings
    ) -> None:
        self.predictors, self.output, self.settings = predictors, output, settings

    def generate_case(self, tasks: Sequence[Translation]) -> list[Attempt]:
        """Make all volumes of a case; one that fails costs no other.

        Raises:
            OSError: there is no room left on the disk.
        """
        prepared: list[tuple[Path, Plans, Prepared]] = []
        return [self._attempt(task, prepared) for task in tasks]

    def _attempt(self, task: Translation, prepared: list[tuple[Path, Plans, Prepared]]) -> Attempt:
        try:
            record = self._make(task, prepared)
            return Attempt(task, unseen=record.outside_crop, skull_strip=record.steps[Stage.SKULL_STRIP])
        except Exception as error:
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise
            return Attempt(task, problem=_problem(error))

    def _make(self, task: Translation, prepared: list[tuple[Path, Plans, Prepared]]) -> Record:
        predictor = self.predictors[task.model.folder]
        volume = Volume.load(task.file)
        ready = next((p for file, plans, p in prepared if file == task.file and _alike(plans, predictor.plans)), None)
        if ready is None:
            ready = self._prepare(volume, task, predictor)
            prepared.append((task.file, predictor.plans, ready))
        prediction = predictor.predict(volume, task.source, task.target, prepared=ready)
        with self.output.outputs(task).staged() as stage:
            prediction.image.save(stage.image)
            prediction.brain.save(stage.brain)
            if prediction.expected_error is not None:
                prediction.expected_error.save(stage.error)
            sheet(stage.picture, _columns(task, prediction), title=f"{task.case}: {task.target} is synthetic")
            for path, content in stage.described(sidecar(task, predictor, prediction, self.settings.command)).items():
                write_json(path, content)
        return prediction.record

    def _prepare(self, volume: Volume, task: Translation, predictor: Predictor) -> Prepared:
        settings = self.settings
        mask = mask_of(settings.masks, task.case)
        return predictor.prepare(
            volume,
            task.source,
            stripped=settings.stripped,
            tool=settings.skull_strip,
            command=settings.strip_command,
            mask=None if mask is None else Volume.load(mask, constant=True),
        )


def load_predictors(models: Sequence[Model], settings: PredictionSettings) -> dict[Path, Predictor]:
    """Return a predictor for each model, by folder.

    Raises:
        UserError: a fold, a checkpoint or the device is not there or not usable, or the model's scans were stripped
            by a command and the user does not say how theirs are.
    """
    predictors = {
        model.folder: Predictor.load(
            model, choose_weights(model, settings.fold, settings.checkpoint, settings.tta), settings.device
        )
        for model in models
    }
    if not (settings.skull_strip or settings.stripped or settings.masks):
        for predictor in predictors.values():
            planned_tool(predictor.plans.preprocessing)
    return predictors


def generate_all(
    cases: Sequence[Sequence[Translation]],
    predictors: Mapping[Path, Predictor],
    output: OutputFolder,
    settings: PredictionSettings,
) -> Iterator[Attempt]:
    """Make the tasks of all cases, and yield what became of each as it ends.

    Raises:
        UserError: a process died.
        OSError: there is no room left on the disk.
    """
    processes = min(settings.processes, len(cases))
    if processes <= 1:
        worker = Worker(predictors, output, settings)
        for tasks in cases:
            yield from worker.generate_case(tasks)
        return
    models = [predictor.model for predictor in predictors.values()]
    threads = max(1, allowed_cpus() // processes)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, _start, (models, output, settings, threads))
    try:
        for done in as_completed([pool.submit(_make_case, tasks) for tasks in cases]):
            yield from done.result()
    except BrokenProcessPool:
        raise UserError(
            f"wanted {processes} processes, found one dead; memory may have run out; "
            "go on with --continue and a smaller -np"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Worker | None = None


def _start(models: Sequence[Model], output: OutputFolder, settings: PredictionSettings, threads: int) -> None:
    global _worker
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    torch.set_num_threads(threads)
    _worker = Worker(load_predictors(models, settings), output, settings)


def _make_case(tasks: Sequence[Translation]) -> list[Attempt]:
    assert _worker is not None
    return _worker.generate_case(tasks)


def mask_of(folder: Path | None, case: str) -> Path | None:
    """Return the user's own brain mask of a case; none where there is none."""
    names = [f"{case}{what}{ending}" for what in ("", "_brain") for ending in (".nii.gz", ".nii")]
    return next((folder / name for name in names if (folder / name).is_file()), None) if folder else None


def _alike(one: Plans, other: Plans) -> bool:
    """Tell whether scans are prepared alike under both plans."""
    return one.slices == other.slices and one.preprocessing == other.preprocessing


def _columns(task: Translation, prediction: Prediction) -> dict[str, np.ndarray]:
    return {task.source: prediction.source_slices, f"synthetic {task.target}": prediction.slices}


def _problem(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
