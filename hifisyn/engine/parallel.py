"""One function over many cases, in processes: progress with time left, and no case costs another."""

import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from hifisyn.engine.resources import free_gib, workers_that_fit
from hifisyn.errors import UserError

Outcome = tuple[str, Any, BaseException | None]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


@dataclass(frozen=True)
class Failure:
    """A case that could not be done.

    Attributes:
        case: its name.
        reason: one line.
    """

    case: str
    reason: str


def run_cases(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], *, processes: int | None = None, title: str = ""
) -> list[Failure]:
    """Call `function(*jobs[case])` for each case; see `map_cases`.

    Returns:
        The cases that failed, in the order of `jobs`: UserErrors with their line, other errors with their type.
    """
    return map_cases(function, jobs, processes=processes, title=title)[1]


def map_cases(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], *, processes: int | None = None, title: str = ""
) -> tuple[dict[str, Any], list[Failure]]:
    """Return `function(*jobs[case])` by case, and the cases that failed.

    No more jobs than processes are under way, so memory does not grow with the number of cases. With one process or
    fewer everything runs in this one. Where a process is killed, the cases it may have been are run again, each
    alone, and the others go on.

    Args:
        function: importable by name, since processes are spawned; what it returns is sent back, so keep that small.
        jobs: arguments by case.
        processes: at a time; none: as many as fit.
        title: in front of the progress lines on stderr.
    """
    processes = min(workers_that_fit(processes), len(jobs))
    progress = Progress(title, len(jobs))
    results: dict[str, Any] = {}
    failures: dict[str, Failure] = {}
    for case, value, error in _inline(function, jobs) if processes <= 1 else _spawned(function, jobs, processes):
        if error is None:
            results[case] = value
        else:
            failures[case] = Failure(case, _reason(error))
            if not isinstance(error, UserError | BrokenProcessPool):
                traceback.print_exception(error, file=sys.stderr)
        progress.step(case, failed=error is not None)
    return {c: results[c] for c in jobs if c in results}, [failures[c] for c in jobs if c in failures]


def _inline(function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]]) -> Iterator[Outcome]:
    for case, arguments in jobs.items():
        try:
            value = function(*arguments)
        except Exception as error:
            yield case, None, error
        else:
            yield case, value, None


def _spawned(function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], processes: int) -> Iterator[Outcome]:
    waiting, suspects = deque(jobs), []
    with _one_thread_each():
        while waiting:
            suspects += yield from _pool(function, jobs, waiting, processes)
        for case in suspects:
            for lost in (yield from _pool(function, jobs, deque([case]), 1)):
                yield lost, None, BrokenProcessPool()


def _pool(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], waiting: deque[str], processes: int
) -> Generator[Outcome, None, list[str]]:
    """Yield the outcomes of the waiting cases; return those that were under way when a process was killed."""
    running: dict[Future[Any], str] = {}
    lost: list[str] = []
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        while (waiting or running) and not (lost and not running):
            while waiting and len(running) < processes and not lost:
                case = waiting.popleft()
                try:
                    running[pool.submit(_single_threaded, function, jobs[case])] = case
                except BrokenProcessPool:
                    lost.append(case)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                case, error = running.pop(future), future.exception()
                if isinstance(error, BrokenProcessPool):
                    lost.append(case)
                else:
                    yield case, None if error else future.result(), error
    return lost


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start inside compute with one thread: libraries read these variables when imported."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _single_threaded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    return function(*arguments)


def _reason(error: BaseException) -> str:
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, BrokenProcessPool):
        return (
            f"its process was killed, though it ran alone, with {free_gib():.1f} GiB of memory free now; "
            "run again where there is more memory, or in this process (-np 1) to see the reason"
        )
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"


class Progress:
    """A line a case on stderr, with the time left."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.begun = title, total, 0, time.monotonic()

    def step(self, case: str, *, failed: bool = False) -> None:
        """Say that a case is done or failed."""
        self.done += 1
        left = (time.monotonic() - self.begun) / self.done * (self.total - self.done)
        minutes, seconds = divmod(round(left), 60)
        state = "failed" if failed else "done"
        line = f"{self.title} {self.done}/{self.total}: {case} {state}, {minutes} min {seconds:02d} s left"
        print(line.strip(), file=sys.stderr, flush=True)
