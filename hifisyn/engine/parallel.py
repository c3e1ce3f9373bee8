"""One function over many jobs, in this process or in others; no job costs another."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from hifisyn.engine.progress import Progress
from hifisyn.engine.resources import free_gib, workers_that_fit
from hifisyn.errors import UserError

Job = tuple[str, tuple[Any, ...]]
Outcome = tuple[str, Any, BaseException | None]
# Calls the function with the arguments of each job and yields what came of it, in any order: name, value, error.
# Jobs are drawn as workers become free. A job whose process was killed, also when it ran alone, yields KilledError.
Executor = Callable[[Callable[..., Any], Iterable[Job]], Iterator[Outcome]]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


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
    progress = Progress(title, len(jobs))
    results: dict[str, Any] = {}
    failures: dict[str, Failure] = {}
    for case, value, error in on_this_machine(min(workers_that_fit(processes), len(jobs)))(function, jobs.items()):
        if error is None:
            results[case] = value
        else:
            failures[case] = Failure(case, one_line(error))
            if not isinstance(error, UserError):
                traceback.print_exception(error, file=sys.stderr)
        progress.step(case, failed=error is not None)
    return {c: results[c] for c in jobs if c in results}, [failures[c] for c in jobs if c in failures]


def one_line(error: BaseException) -> str:
    """Return what went wrong as one line: a user's mistake in its own words, anything else with its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{type(error).__name__}: {text or 'no message'}"


def on_this_machine(processes: int) -> Executor:
    """Return what runs jobs in so many spawned processes, or with one or fewer in this one."""
    return in_this_process if processes <= 1 else partial(in_processes, processes=processes)


def in_this_process(function: Callable[..., Any], jobs: Iterable[Job]) -> Iterator[Outcome]:
    """Run jobs one after the other; see `Executor`."""
    for name, arguments in jobs:
        try:
            value = function(*arguments)
        except Exception as error:
            yield name, None, error
        else:
            yield name, value, None


def in_processes(function: Callable[..., Any], jobs: Iterable[Job], *, processes: int) -> Iterator[Outcome]:
    """Run jobs in spawned processes of one thread each; see `Executor`."""
    jobs, suspects = iter(jobs), []
    with _one_thread_each():
        while lost := (yield from _pool(function, jobs, processes)):
            suspects += lost
        for job in suspects:
            for name, _ in (yield from _pool(function, iter([job]), 1)):
                yield name, None, KilledError(_killed())


def _pool(function: Callable[..., Any], jobs: Iterator[Job], processes: int) -> Generator[Outcome, None, list[Job]]:
    """Yield the outcomes of jobs until there are none left, or return those that were under way at a kill."""
    running: dict[Future[Any], Job] = {}
    lost: list[Job] = []
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker)
    with pool, _no_process_left_behind():
        while True:
            while not lost and len(running) < processes and (job := next(jobs, None)) is not None:
                try:
                    running[pool.submit(single_threaded, function, job[1])] = job
                except BrokenProcessPool:
                    lost.append(job)
            if not running:
                return lost
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, error = running.pop(future), future.exception()
                if isinstance(error, BrokenProcessPool):
                    lost.append(job)
                else:
                    yield job[0], None if error else future.result(), error


def _start_worker() -> None:
    """Let Ctrl-C reach the coordinator only, and end with it: nobody would take the results of an orphan."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def _no_process_left_behind() -> Iterator[None]:
    """Where the block is left early, as by Ctrl-C, end the processes that it started instead of waiting for them."""
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise


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


def single_threaded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call the function, torch on one thread where it is loaded."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    return function(*arguments)


def _killed() -> str:
    return (
        f"its process was killed, though it ran alone, with {free_gib():.1f} GiB of memory free now; "
        "run again where there is more memory, or in this process (-np 1) to see the reason"
    )
