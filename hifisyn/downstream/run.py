"""All downstream jobs of the trained models: listed first, done one after the other, each once."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.downstream import augment, lesion, tissue
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.model_under_test import DownstreamSettings, ModelUnderTest
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.evaluation.model_list import datasets, find
from hifisyn.inference.models import Model
from hifisyn.paths import Roots

JOBS_OF_TASK = {tissue.TASK: tissue.jobs, lesion.TASK: lesion.jobs, augment.TASK: augment.jobs}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinishedJob:
    """A job and its result.

    Attributes:
        job: the job.
        result: its result.
        reused: whether it was done before.
    """

    job: DownstreamJob
    result: DownstreamResult
    reused: bool


def models_of(
    roots: Roots, of_datasets: Sequence[str] = (), folders: Sequence[Path] = ()
) -> tuple[list[Model], list[Failure]]:
    """Return the models that are named, else all trained ones, and the folders that are broken.

    Raises:
        UserError: there are none.
    """
    models, broken = find(roots.results, of_datasets, folders)
    if not models and not broken:
        raise UserError(
            f"{roots.results} has no trained model" + (f" of {' or '.join(of_datasets)}" if of_datasets else ""),
            got=", ".join(f"models of {name}" for name in datasets(roots.results)),
            hint="train one with hifisyn_train",
        )
    return models, broken


def list_jobs(
    models: Sequence[Model], settings: DownstreamSettings, roots: Roots, tasks: Sequence[str] = ()
) -> tuple[list[DownstreamJob], list[Failure]]:
    """Return the jobs of every model, task by task, and the models that cannot be tested.

    Args:
        models: to test.
        settings: how.
        roots: where data sets and results are.
        tasks: names of tasks; without them all.
    """
    under_test: list[ModelUnderTest] = []
    failures: list[Failure] = []
    for model in models:
        try:
            under_test.append(ModelUnderTest(model, settings, roots))
        except UserError as error:
            failures.append(Failure(str(model.folder), one_line(error)))
    chosen = [DownstreamTask(task) for task in tasks] or list(JOBS_OF_TASK)
    return [job for task in chosen for one in under_test for job in JOBS_OF_TASK[task](one)], failures


def log_plan(jobs: Sequence[DownstreamJob], *, overwrite: bool = False) -> None:
    """Log which jobs will be done and about how long they take, which are done already, and which cannot be done."""
    seconds = 0.0
    for job in jobs:
        if job.missing:
            log.info(f"  {job.title}: left out, {job.missing}")
        elif job.done and not overwrite:
            log.info(f"  {job.title}: done already")
        else:
            seconds += job.seconds
            log.info(f"  {job.title}: about {duration(job.seconds)}")
    log.info(f"about {duration(seconds)} in all" if seconds else "nothing is left to do")


def run(jobs: Sequence[DownstreamJob], *, overwrite: bool = False) -> tuple[list[FinishedJob], list[Failure]]:
    """Do the jobs that are not done; failures are isolated per job.

    Returns:
        The jobs that are done, now or before, and what failed: jobs, and single cases of them.

    Raises:
        OSError: writing fails.
    """
    finished: list[FinishedJob] = []
    failures: list[Failure] = []
    for job in jobs:
        if job.missing:
            continue
        reused = job.done and not overwrite
        try:
            result = job.read() if reused else _run(job)
        except OSError:
            raise
        except Exception as error:
            failures.append(Failure(job.title, one_line(error)))
            log.info(f"{job.title}: failed, {one_line(error)}")
            continue
        finished.append(FinishedJob(job, result, reused))
        failures += [Failure(f"{job.title}, {failure.case}", failure.reason) for failure in result.failures]
    return finished, failures


def _run(job: DownstreamJob) -> DownstreamResult:
    began = time.monotonic()
    log.info(f"{job.title} ...")
    result = job.run()
    log.info(f"{job.title}: done in {duration(time.monotonic() - began)}, see {job.folder}")
    return result
