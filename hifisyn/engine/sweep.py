"""One step over a cohort: what is due is done subject by subject and recorded."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hifisyn.engine.jobs import Executor, Failure, NamedArguments, one_line
from hifisyn.engine.ledger import DONE, FAILED, KILLED, WRITER, Entry, Ledger
from hifisyn.engine.lock import only_writer
from hifisyn.engine.once_per_case import OncePerCase
from hifisyn.engine.processes import Processes
from hifisyn.engine.progress import Progress
from hifisyn.engine.resources import GIB_A_WORKER, workers_that_fit
from hifisyn.engine.subject import Order, StepFunction, Task, do_subject, hidden
from hifisyn.troubles import is_disk_full

ENTRIES_TO_TRUST, NEARLY_ALL = 5, 0.95
NAMES_SHOWN = 3
TRACES_SHOWN = 3  # an unforeseen error mostly strikes many cases

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Engine:
    """What all sweeps of a run share.

    Attributes:
        ledger: what was done; one without a file knows this run only.
        processes: subjects at a time on this machine; None: as many as fit; 0 or 1: in this process.
        cluster: runs the subjects elsewhere; None: on this machine.
        retry_failed: try again what failed before with the same files and settings.
        workers: the processes on this machine, kept from sweep to sweep while the engine is used in a with block.
        writer: name of this run among those that share the work, as its ledger has it.
    """

    ledger: Ledger = field(default_factory=Ledger)
    processes: int | None = None
    cluster: Executor | None = None
    retry_failed: bool = False
    workers: Processes = field(default_factory=Processes)
    writer: str = WRITER

    def sweep(
        self,
        step: str,
        function: StepFunction,
        tasks: Iterable[Task],
        *,
        gib_each: Callable[[], float] = lambda: GIB_A_WORKER,
        alone: bool = False,
        into: Path | None = None,
    ) -> list[Failure]:
        """Do a step of every case for which it is due, and of no other.

        It is due again when a file that went in, the settings or the result changed. A case that failed is due again
        then too, or with `retry_failed`, or where its process was killed.

        Args:
            step: its name in the ledger.
            function: importable by name; see `subject.StepFunction`.
            tasks: one for each case.
            gib_each: returns the memory that a subject takes, where the ledger does not know it.
            alone: one subject at a time, in this process.
            into: folder that is written into, which nobody may read meanwhile; none: it is not held.

        Raises:
            UserError: another process holds that folder.

        Returns:
            The cases that failed now or before, in the order of the tasks.
        """
        once = OncePerCase(self.ledger, step, retry_failed=self.retry_failed)
        due: dict[str, list[Order]] = {}
        place: dict[str, int] = {}
        failures: list[Failure] = []
        for task in tasks:
            place[task.case.name] = len(place)
            entry = once.holds(task)
            if entry is None:
                due.setdefault(task.case.subject, []).append(once.begin(task))
            elif entry.state == FAILED:
                failures.append(_failure(entry, known=True))
        if due:
            _log_done(step, len(place), due)
            executor = self._executor(step, len(due), gib_each, alone)
            with only_writer(into, self.writer) if into else nullcontext():
                failures += self._work(once, function, due, executor)
        return sorted(failures, key=lambda failure: place[failure.case])

    def _executor(self, step: str, subjects: int, gib_each: Callable[[], float], alone: bool) -> Executor:
        if self.cluster and not alone:
            return self.cluster
        if alone or subjects == 1:
            return self.workers.executor(1)
        processes = self.processes
        if processes is None:
            processes = workers_that_fit(gib_each=_peak_gib(self.ledger, step) or gib_each())
        return self.workers.executor(min(processes, subjects))

    def _work(
        self, once: OncePerCase, function: StepFunction, due: dict[str, list[Order]], executor: Executor
    ) -> Iterator[Failure]:
        """Do what is due, and yield the cases that fail."""
        progress, traces = Progress(once.step, len(due)), 0
        jobs: Iterator[NamedArguments] = ((subject, (once.step, function, due[subject])) for subject in list(due))
        for subject, results, error in executor(do_subject, jobs):
            orders = due.pop(subject)
            if error is not None and is_disk_full(error):
                raise error
            if error is not None:
                results = list(self._apart(once.step, function, orders, error))
            for _, trace in results:
                traces += bool(trace)
                if trace and traces <= TRACES_SHOWN:
                    log.error(trace.rstrip())
            failures = [failure for entry, _ in results if (failure := _finished(once, entry))]
            progress.step(_names(orders), failed=bool(failures))
            yield from failures

    def _apart(
        self, step: str, function: StepFunction, orders: list[Order], error: BaseException
    ) -> Iterator[tuple[Entry, str]]:
        """Do each case of a subject whose process was killed in a process of its own, to lose no more than one."""
        if len(orders) == 1:
            task = orders[0].task
            entry = Entry(task.case.name, task.case.subject, step, KILLED, config=task.config)
            entry.error = hidden(task, one_line(error))
            yield entry, ""
            return
        executor = self.cluster or partial(self.workers.run, processes=1)
        for order in orders:
            for _, results, lost in executor(do_subject, [(order.task.case.subject, (step, function, [order]))]):
                yield from self._apart(step, function, [order], lost) if lost else results


@contextmanager
def used(engine: Engine | None, processes: int | None) -> Iterator[Engine]:
    """Yield the engine, or where it is None one for this use alone, with a ledger that is forgotten."""
    if engine is not None:
        yield engine
        return
    with Processes() as workers:
        yield Engine(processes=processes, workers=workers)


def _finished(once: OncePerCase, entry: Entry) -> Failure | None:
    """Record an entry, and return its failure if it is one."""
    known = bool(entry.when)
    once.finish(entry)
    return None if entry.state == DONE else _failure(entry, known=known)


def _log_done(step: str, cases: int, due: dict[str, list[Order]]) -> None:
    done = cases - sum(map(len, due.values()))
    if done:
        log.info(f"{step}: {done} of {cases} cases are done")


def _failure(entry: Entry, *, known: bool = False) -> Failure:
    return Failure(entry.case, entry.error, entry.step, known)


def _names(orders: list[Order]) -> str:
    names = [order.task.case.name for order in orders]
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _peak_gib(ledger: Ledger, step: str) -> float | None:
    """Return the memory that nearly all cases of a step took so far; None while few were done."""
    peaks = sorted(entry.peak_mib for entry in ledger.entries(step) if entry.peak_mib)
    return peaks[int(NEARLY_ALL * (len(peaks) - 1))] / 1024 if len(peaks) >= ENTRIES_TO_TRUST else None
