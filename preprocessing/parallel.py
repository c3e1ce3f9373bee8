"""One function over many cases, in processes: progress with time left, and no case costs another."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from hifisyn.errors import UserError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
GIB_A_WORKER = 2.0


@dataclass(frozen=True)
class Failure:
    """A case that could not be done.

    Attributes:
        case: its name.
        reason: one line.
    """

    case: str
    reason: str


def workers_that_fit(wanted: int | None = None, gib_each: float = GIB_A_WORKER) -> int:
    """Return how many processes may run: as wanted, else by the CPUs allowed and the memory free."""
    if wanted is not None:
        return wanted
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cpus, int(_free_gib() / gib_each)))


def run_cases(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], *, processes: int | None = None, title: str = ""
) -> list[Failure]:
    """Call `function(*jobs[case])` for each case.

    At most two jobs a process are under way, so memory does not grow with the number of cases. With one process or
    fewer everything runs in this one.

    Args:
        function: importable by name, since processes are spawned.
        jobs: arguments by case.
        processes: at a time; none: as many as fit.
        title: in front of the progress lines on stderr.

    Returns:
        The cases that failed, in the order of `jobs`: UserErrors with their line, other errors with their type.
    """
    processes = min(workers_that_fit(processes), len(jobs))
    progress = Progress(title, len(jobs))
    failures: dict[str, Failure] = {}
    outcomes = _inline(function, jobs) if processes <= 1 else _spawned(function, jobs, processes)
    for case, error in outcomes:
        if error is not None:
            failures[case] = Failure(case, _reason(error))
        progress.step(case, failed=error is not None)
    return [failures[case] for case in jobs if case in failures]


def _inline(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]]
) -> Iterator[tuple[str, BaseException | None]]:
    for case, arguments in jobs.items():
        try:
            function(*arguments)
        except Exception as error:
            yield case, error
        else:
            yield case, None


def _spawned(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], processes: int
) -> Iterator[tuple[str, BaseException | None]]:
    waiting = list(jobs)
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            running: dict[Future[Any], str] = {}
            while waiting or running:
                while waiting and len(running) < 2 * processes:
                    case = waiting.pop(0)
                    try:
                        running[pool.submit(_single_threaded, function, jobs[case])] = case
                    except BrokenProcessPool as error:
                        yield case, error
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.exception()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _single_threaded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    function(*arguments)


def _reason(error: BaseException) -> str:
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if isinstance(error, BrokenProcessPool):
        return (
            f"its process was killed, with {_free_gib():.1f} GiB of memory free now; "
            "run again with fewer processes (-np 1)"
        )
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"


def _free_gib() -> float:
    try:
        pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return GIB_A_WORKER
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) / 2**20
    except (OSError, KeyError, ValueError):
        return pages * size / 2**30


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
