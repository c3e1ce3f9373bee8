"""What all who run jobs agree on: a job, what comes of it, and how a failure is told."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hifisyn.errors import UserError

Job = tuple[str, tuple[Any, ...]]
PreparedDataset = tuple[str, Any, BaseException | None]
# Calls the function with the arguments of each job and yields what came of it, in any order: name, value, error.
# Jobs are drawn as workers become free. A job whose process was killed, also when it ran alone, yields KilledError.
Executor = Callable[[Callable[..., Any], Iterable[Job]], Iterator[PreparedDataset]]


class KilledError(UserError):
    """The process of a job was killed from outside, mostly for want of memory."""


@dataclass(frozen=True)
class Failure:
    """A case that could not be done.

    Attributes:
        case: its name.
        reason: one line.
        step: of the preprocessing; "" where there is one only.
        known: it failed before, with the same files and settings, and was not tried again.
    """

    case: str
    reason: str
    step: str = ""
    known: bool = False


def in_this_process(function: Callable[..., Any], jobs: Iterable[Job]) -> Iterator[PreparedDataset]:
    """Run jobs one after the other; see `Executor`."""
    for name, arguments in jobs:
        try:
            value = function(*arguments)
        except Exception as error:
            yield name, None, error
        else:
            yield name, value, None


def single_threaded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call the function, torch on one thread where it is loaded."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    return function(*arguments)


def one_line(error: BaseException) -> str:
    """Return what went wrong as one line: a user's mistake in its own words, anything else with its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text or 'no message'}"
