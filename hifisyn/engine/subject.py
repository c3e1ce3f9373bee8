"""One step of all cases of one subject, as a worker does it; failures are isolated per case."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hifisyn.dataset import Case
from hifisyn.engine.cost import measured
from hifisyn.engine.digests import contents, digest, stamp
from hifisyn.engine.jobs import one_line
from hifisyn.engine.ledger import DONE, FAILED, KILLED, Entry
from hifisyn.errors import UserError
from hifisyn.troubles import is_disk_full, passes


@dataclass(frozen=True)
class Done:
    """What a step returns for a case.

    Attributes:
        error: why the case cannot be used, although the step itself went well.
        facts: plain data for the steps that follow; small, since the ledger keeps it.
        labels: given, computed, manual or none, of the step that makes them.
        parts: seconds by part.
        kept: the result existed already.
    """

    error: str = ""
    facts: Any = None
    labels: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)
    kept: bool = False


# Called as function(key, *arguments): the key stands for the files that go in and the settings.
StepFunction = Callable[..., Done | None]


@dataclass(frozen=True)
class Task:
    """One step of one case.

    Attributes:
        case: whose.
        arguments: of the step's function, after the key.
        files: that go in, by what they are.
        config: digest of the settings.
        output: file that exists once the step is done; None: nothing is written.
        beside: further files that exist then, whose loss makes the step due again.
        force: do it although it is done.
        private: errors must not show the case's paths.
    """

    case: Case
    arguments: tuple[Any, ...]
    files: Mapping[str, Path]
    config: str
    output: Path | None = None
    force: bool = False
    private: bool = False
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Order:
    """A task that is due, with what the ledger knows of it.

    Attributes:
        task: what to do.
        inputs: digest of the files, where the ledger knows it for files that look as these do; else "".
        unless: entry that holds if the files turn out to be what they were, so that nothing need be done.
    """

    task: Task
    inputs: str = ""
    unless: Entry | None = None


def do_subject(step: str, function: StepFunction, orders: list[Order]) -> list[tuple[Entry, str]]:
    """Do a step of the cases of a subject; return the entry of each, and the traceback of an unforeseen error or "".

    Raises:
        OSError: nothing can be written any more.
    """
    return [_do(step, function, order) for order in orders]


def key(inputs: str, config: str) -> str:
    """Return the digest of the files and settings that a result was computed from."""
    return digest(inputs, config)


def _do(step: str, function: StepFunction, order: Order) -> tuple[Entry, str]:
    task, trace, passing = order.task, "", False
    entry = Entry(task.case.name, task.case.subject, step, DONE, config=task.config, stamp=stamp(task.files))
    with measured() as cost:
        try:
            entry.inputs = order.inputs or contents(task.files)
            if order.unless is not None and entry.inputs == order.unless.inputs:
                return replace(order.unless, stamp=entry.stamp), ""
            done = function(key(entry.inputs, task.config), *task.arguments) or Done()
        except Exception as error:
            if is_disk_full(error):
                raise
            done, passing = Done(error=one_line(error)), passes(error)
            if not isinstance(error, UserError) and not passing:
                trace = hidden(task, "".join(traceback.format_exception(error)))
    entry.seconds = None if done.kept else cost.seconds
    entry.peak_mib = 0 if done.kept else cost.peak_mib
    entry.facts, entry.labels = done.facts, done.labels
    entry.parts = {part: round(seconds, 3) for part, seconds in done.parts.items()} or None
    if done.error:
        entry.state, entry.error = KILLED if passing else FAILED, hidden(task, done.error)
    return entry, trace


def hidden(task: Task, text: str) -> str:
    """Return a text as it may be shown: in a private data set, files are called by the case."""
    if not task.private:
        return text
    text = task.case.hide_paths(text)
    for path in task.case.files.values():
        text = text.replace(str(path.parent), "its folder")
    return text
