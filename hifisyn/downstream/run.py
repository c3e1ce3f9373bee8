"""All downstream work on the trained models: listed first, done one after the other, each once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.downstream import augment, lesion, tissue
from hifisyn.downstream.job import DownstreamJob, DownstreamResult
from hifisyn.downstream.model_under_test import DownstreamSettings, ModelUnderTest
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.evaluation.model_list import datasets, find
from hifisyn.inference.models import Model
from hifisyn.paths import Roots

TASKS = {tissue.TASK: tissue.jobs, lesion.TASK: lesion.jobs, augment.TASK: augment.jobs}

Say = Callable[[str], None]


@dataclass(frozen=True)
class FinishedJob:
    """A job and what came of it.

    Attributes:
        job: what was asked.
        result: what came of it.
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
    found, broken = find(roots.results, of_datasets, folders)
    if not found and not broken:
        wanted = f"a trained model of {' or '.join(of_datasets)}" if of_datasets else "a trained model"
        known = ", ".join(datasets(roots.results)) or "none"
        raise UserError(f"{roots.results}: wanted {wanted}, found {known}; train one with hifisyn_train")
    return found, broken


def list_jobs(
    models: Sequence[Model], settings: DownstreamSettings, roots: Roots, tasks: Sequence[str] = ()
) -> tuple[list[DownstreamJob], list[Failure]]:
    """Return the work on every model, task by task, and the models that cannot be tried.

    Args:
        models: to try.
        settings: how.
        roots: where data sets and results are.
        tasks: of `TASKS`; all, if none.
    """
    jobs: list[DownstreamJob] = []
    failures: list[Failure] = []
    tested: list[ModelUnderTest] = []
    for model in models:
        try:
            tested.append(ModelUnderTest(model, settings, roots))
        except UserError as error:
            failures.append(Failure(str(model.folder), str(error)))
    for task in tasks or TASKS:
        for one in tested:
            jobs += TASKS[task](one)
    return jobs, failures


def announce(jobs: Sequence[DownstreamJob], say: Say, *, overwrite: bool = False) -> None:
    """Say what will be done and about how long it takes, what is done already, and what cannot be done."""
    seconds = 0.0
    for job in jobs:
        if job.missing:
            say(f"  {job.title}: left out, {job.missing}")
        elif job.done and not overwrite:
            say(f"  {job.title}: done already")
        else:
            seconds += job.seconds
            say(f"  {job.title}: about {duration(job.seconds)}")
    say(f"about {duration(seconds)} in all" if seconds else "nothing is left to do")


def run(jobs: Sequence[DownstreamJob], say: Say, *, overwrite: bool = False) -> tuple[list[FinishedJob], list[Failure]]:
    """Do what is not done; what goes wrong with one piece of work is written down and never costs another.

    Returns:
        What was done, now or before, and what went wrong: jobs, and single cases of them.

    Raises:
        OSError: writing fails.
    """
    finished: list[FinishedJob] = []
    failures: list[Failure] = []
    for job in jobs:
        if job.missing:
            continue
        reused = job.done and not overwrite
        begun = time.monotonic()
        if not reused:
            say(f"{job.title} ...")
        try:
            result = job.read() if reused else job.run()
        except OSError:
            raise
        except Exception as error:
            failures.append(Failure(job.title, one_line(error)))
            say(f"{job.title}: failed, {one_line(error)}")
            continue
        if not reused:
            say(f"{job.title}: done in {duration(time.monotonic() - begun)}, see {job.folder}")
        finished.append(FinishedJob(job, result, reused))
        failures += [Failure(f"{job.title}, {failure.case}", failure.reason) for failure in result.failures]
    return finished, failures
