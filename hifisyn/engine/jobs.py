"""What all who run jobs agree on: a job, its outcome, and how a failure is reported."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hifisyn.errors import UserError

NamedArguments = tuple[str, tuple[Any, ...]]
Outcome = tuple[str, Any, BaseException | None]
# Calls the function with the arguments of each job and yields the outcomes, in any order: name, value, error. It takes
# jobs as workers become free. A job whose process was killed, also when it ran alone, yields KilledError.
Executor = Callable[[Callable[..., Any], Iterable[NamedArguments]], Iterator[Outcome]]


class KilledError(UserError):
    """The process of a job was killed from outside, mostly because memory ran out."""


@dataclass(frozen=True)
class Failure:
    """A case that failed.

    Attributes:
        case: its name.
        reason: one line.
        step: of the preprocessing; "" where there is one only.
        known: it failed before, with the same files and settings, and was not tried again now.
    """

    case: str
    reason: str
    step: str = ""
    known: bool = False


def in_this_process(function: Callable[..., Any], jobs: Iterable[NamedArguments]) -> Iterator[Outcome]:
    """Run jobs one after the other; see `Executor`."""
    for name, arguments in jobs:
        try:
            value = function(*arguments)
        except Exception as error:
            yield name, None, error
        else:
            yield name, value, None


def limit_threads(function: Callable[..., Any], arguments: tuple[Any, ...], threads: int = 1) -> Any:
    """Call the function, torch on so many threads where it is loaded."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return function(*arguments)


def one_line(error: BaseException) -> str:
    """Return an error as one line: a UserError by its text, any other with its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text or 'no message'}"
