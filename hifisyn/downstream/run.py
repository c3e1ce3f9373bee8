"""All downstream work on the trained models: listed first, done one after the other, each once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.downstream import augment, lesion, tissue
from hifisyn.downstream.trial import Settings, Trial
from hifisyn.downstream.work import Result, Work
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.evaluation.model_list import datasets, find
from hifisyn.inference.models import Model
from hifisyn.paths import Roots

TASKS = {tissue.TASK: tissue.works, lesion.TASK: lesion.works, augment.TASK: augment.works}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Done:
    """Work and what came of it.

    Attributes:
        work: what was asked.
        result: what came of it.
        kept: it was done before.
    """

    work: Work
    result: Result
    kept: bool


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


def list_works(
    models: Sequence[Model], settings: Settings, roots: Roots, tasks: Sequence[str] = ()
) -> tuple[list[Work], list[Failure]]:
    """Return the work on every model, task by task, and the models that cannot be tried.

    Args:
        models: to try.
        settings: how.
        roots: where data sets and results are.
        tasks: of `TASKS`; all, if none.
    """
    works: list[Work] = []
    failures: list[Failure] = []
    trials: list[Trial] = []
    for model in models:
        try:
            trials.append(Trial(model, settings, roots))
        except UserError as error:
            failures.append(Failure(str(model.folder), str(error)))
    for task in tasks or TASKS:
        for trial in trials:
            works += TASKS[task](trial)
    return works, failures


def announce(works: Sequence[Work], say: Say, *, overwrite: bool = False) -> None:
    """Say what will be done and about how long it takes, what is done already, and what cannot be done."""
    seconds = 0.0
    for work in works:
        if work.missing:
            say(f"  {work.title}: left out, {work.missing}")
        elif work.done and not overwrite:
            say(f"  {work.title}: done already")
        else:
            seconds += work.seconds
            say(f"  {work.title}: about {duration(work.seconds)}")
    say(f"about {duration(seconds)} in all" if seconds else "nothing is left to do")


def run(works: Sequence[Work], say: Say, *, overwrite: bool = False) -> tuple[list[Done], list[Failure]]:
    """Do what is not done; what goes wrong with one piece of work is written down and never costs another.

    Returns:
        What was done, now or before, and what went wrong: works, and single cases of them.

    Raises:
        OSError: writing fails.
    """
    finished: list[Done] = []
    failures: list[Failure] = []
    for work in works:
        if work.missing:
            continue
        kept = work.done and not overwrite
        begun = time.monotonic()
        if not kept:
            say(f"{work.title} ...")
        try:
            result = work.read() if kept else work.run()
        except OSError:
            raise
        except Exception as error:
            failures.append(Failure(work.title, one_line(error)))
            say(f"{work.title}: failed, {one_line(error)}")
            continue
        if not kept:
            say(f"{work.title}: done in {duration(time.monotonic() - begun)}, see {work.folder}")
        finished.append(Done(work, result, kept))
        failures += [Failure(f"{work.title}, {failure.case}", failure.reason) for failure in result.failures]
    return finished, failures
