"""Spawned processes, kept from one use to the next; a killed one loses its own job only."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Any

from hifisyn.engine import plain_log
from hifisyn.engine.jobs import Executor, KilledError, NamedArguments, Outcome, in_this_process, limit_threads
from hifisyn.memory import free_gib

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)


class Processes:
    """The processes of this machine. They start when first needed, and end with the block that the object is used in.

    Starting one takes seconds, since it imports all libraries again. An error or an interruption ends them at once.

    Args:
        threads: that each computes with.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._pool: ProcessPoolExecutor | None = None
        self._size = 0

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end(at_once=kind is not None)

    def executor(self, processes: int) -> Executor:
        """Return what runs jobs in so many processes, or with one or fewer in this one."""
        return in_this_process if processes <= 1 else partial(self.run, processes=processes)

    def run(self, function: Callable[..., Any], jobs: Iterable[NamedArguments], *, processes: int) -> Iterator[Outcome]:
        """Run jobs, no more than `processes` under way; see `jobs.Executor`.

        Where a process is killed, the jobs under way are run again, each alone, once the others are done.
        """
        jobs, suspects = iter(jobs), []
        while lost := (yield from self._work(function, jobs, processes)):
            suspects += lost
        for job in suspects:
            with Processes(self._threads) as alone:
                for name, _ in (yield from alone._work(function, iter([job]), 1)):
                    yield name, None, _killed()

    def _work(
        self, function: Callable[..., Any], jobs: Iterator[NamedArguments], processes: int
    ) -> Generator[Outcome, None, list[NamedArguments]]:
        """Yield the outcomes of jobs until none is left or a process is killed; return the jobs then under way."""
        running: dict[Future[Any], NamedArguments] = {}
        lost: list[NamedArguments] = []
        try:
            while True:
                while not lost and len(running) < processes and (job := next(jobs, None)) is not None:
                    try:
                        running[self._submitted(function, job, processes)] = job
                    except BrokenProcessPool:
                        lost.append(job)
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job, error = running.pop(future), future.exception()
                    if isinstance(error, BrokenProcessPool):
                        lost.append(job)
                    else:
                        yield job[0], None if error else future.result(), error
        except BaseException:
            self._end(at_once=True)
            raise
        if lost:
            self._end()
        return lost

    def _submitted(self, function: Callable[..., Any], job: NamedArguments, processes: int) -> Future[Any]:
        if self._pool is not None and self._size != processes:
            self._end()
        with _limited(self._threads):
            if self._pool is None:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(
                    processes, mp_context=context, initializer=_start_worker, initargs=(plain_log.is_installed(),)
                )
                self._size = processes
            return self._pool.submit(limit_threads, function, job[1], self._threads)

    def _end(self, *, at_once: bool = False) -> None:
        """End the processes; at once: without waiting for what they do, as after Ctrl-C."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if at_once:
            # From Python 3.14 on this is pool.terminate_workers().
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
        pool.shutdown(cancel_futures=at_once)


def _start_worker(plain: bool) -> None:
    """Let Ctrl-C reach the coordinator only, and end with it: nobody would take the results of an orphan.

    Args:
        plain: write what is logged as the coordinator does; a spawned process inherits no handler.
    """
    if plain:
        plain_log.install()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """Limit the threads of processes that start inside: libraries read these variables when imported."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _killed() -> KilledError:
    free = free_gib()
    known = "" if free is None else f", with {free:.1f} GiB of memory free now"
    return KilledError(
        f"its process was killed, though it ran alone{known}",
        hint="run again where there is more memory, or in this process (-np 1) to see the reason",
    )
