"""One step over a cohort: what the ledger has is passed over, the rest is done subject by subject and recorded."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hifisyn.engine.digests import stamp
from hifisyn.engine.jobs import Executor, Failure, Job, one_line
from hifisyn.engine.ledger import DONE, FAILED, KILLED, Entry, Ledger
from hifisyn.engine.processes import Processes
from hifisyn.engine.progress import Progress
from hifisyn.engine.resources import GIB_A_WORKER, workers_that_fit
from hifisyn.engine.subject import Order, Step, Task, do_subject, hidden

ENTRIES_TO_TRUST, NEARLY_ALL = 5, 0.95
NAMES_SHOWN = 3
TRACES_SHOWN = 3  # one unforeseen error mostly meets many cases


@dataclass(frozen=True)
class Engine:
    """What all sweeps of a run share.

    Attributes:
        ledger: what was done; one without a file knows this run only.
        processes: subjects at a time on this machine; none: as many as fit; 0 or 1: in this process.
        cluster: runs the subjects elsewhere; none: on this machine.
        retry_failed: try again what failed before with the same files and settings.
        workers: the processes on this machine, kept from sweep to sweep while the engine is used in a with block.
    """

    ledger: Ledger = field(default_factory=Ledger)
    processes: int | None = None
    cluster: Executor | None = None
    retry_failed: bool = False
    workers: Processes = field(default_factory=Processes)

    def sweep(
        self,
        step: str,
        function: Step,
        tasks: Iterable[Task],
        *,
        gib_each: Callable[[], float] = lambda: GIB_A_WORKER,
        alone: bool = False,
    ) -> list[Failure]:
        """Do a step of every case that the ledger does not have as done, and of no other.

        A case is done again when a file that went in, the settings or the result changed. A case that failed is
        done again then too, or with `retry_failed`, or where its process was killed.

        Args:
            step: its name in the ledger.
            function: importable by name; see `subject.Step`.
            tasks: one for each case.
            gib_each: tells the memory that a subject takes, where the ledger does not know it.
            alone: one subject at a time, in this process.

        Returns:
            The cases that failed now or before, in the order of the tasks.
        """
        due: dict[str, list[Order]] = {}
        place: dict[str, int] = {}
        failures: list[Failure] = []
        is_there = _Listing()
        for task in tasks:
            place[task.case.name] = len(place)
            known = self._judge(step, task, is_there)
            if isinstance(known, Order):
                due.setdefault(task.case.subject, []).append(known)
            elif known.state == FAILED:
                failures.append(_failure(known, known=True))
        if due:
            undone = sum(map(len, due.values()))
            if undone < len(place):
                print(f"{step}: {len(place) - undone} of {len(place)} cases are done", file=sys.stderr, flush=True)
            if self.cluster and not alone:
                failures += self._work(step, function, due, self.cluster)
            else:
                processes = self._processes(step, len(due), gib_each, alone)
                failures += self._work(step, function, due, self.workers.executor(processes))
        return sorted(failures, key=lambda failure: place[failure.case])

    def _judge(self, step: str, task: Task, is_there: "_Listing") -> Order | Entry:
        """Return the entry that holds, else what is to be done."""
        entry = self.ledger.entry(task.case.name, step)
        look = stamp(task.files)
        holds = (
            entry is not None and not task.force and entry.config == task.config and self._stands(entry, task, is_there)
        )
        if entry is not None and holds and entry.stamp == look:
            return entry
        return Order(task, self.ledger.inputs(task.case.name, look), entry if holds else None)

    def _stands(self, entry: Entry, task: Task, is_there: "_Listing") -> bool:
        if entry.state == DONE:
            return task.output is None or is_there(task.output)
        return entry.state == FAILED and not self.retry_failed

    def _processes(self, step: str, subjects: int, gib_each: Callable[[], float], alone: bool) -> int:
        if alone or subjects == 1:
            return 1
        wanted = self.processes
        if wanted is None:
            wanted = workers_that_fit(gib_each=_peak_gib(self.ledger, step) or gib_each())
        return min(wanted, subjects)

    def _work(self, step: str, function: Step, due: dict[str, list[Order]], executor: Executor) -> Iterator[Failure]:
        progress, traces = Progress(step, len(due)), 0
        jobs: Iterator[Job] = ((subject, (step, function, due[subject])) for subject in list(due))
        for subject, results, error in executor(do_subject, jobs):
            orders = due.pop(subject)
            if error is not None:
                results = list(self._apart(step, function, orders, error))
            for _, trace in results:
                traces += bool(trace)
                if trace and traces <= TRACES_SHOWN:
                    print(trace, file=sys.stderr, end="", flush=True)
            failures = [failure for entry, _ in results if (failure := self._recorded(entry))]
            progress.step(_names(orders), failed=bool(failures))
            yield from failures

    def _apart(
        self, step: str, function: Step, orders: list[Order], error: BaseException
    ) -> Iterator[tuple[Entry, str]]:
        """Do the cases of a subject whose process was killed each in a process of its own, to lose no more than one."""
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

    def _recorded(self, entry: Entry) -> Failure | None:
        known = bool(entry.when)
        self.ledger.record(entry)
        return None if entry.state == DONE else _failure(entry, known=known)


@contextmanager
def used(engine: Engine | None, processes: int | None) -> Iterator[Engine]:
    """Yield the engine, or where there is none one for this use alone, with a ledger that is forgotten."""
    if engine is not None:
        yield engine
        return
    with Processes() as workers:
        yield Engine(processes=processes, workers=workers)


class _Listing:
    """Tells whether files are there, by one look at each folder: 50,000 questions to a file server take minutes."""

    def __init__(self) -> None:
        self._folders: dict[Path, frozenset[str]] = {}

    def __call__(self, path: Path) -> bool:
        if path.parent not in self._folders:
            self._folders[path.parent] = frozenset(os.listdir(path.parent) if path.parent.is_dir() else ())
        return path.name in self._folders[path.parent]


def _failure(entry: Entry, *, known: bool = False) -> Failure:
    return Failure(entry.case, entry.error, entry.step, known)


def _names(orders: list[Order]) -> str:
    names = [order.task.case.name for order in orders]
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _peak_gib(ledger: Ledger, step: str) -> float | None:
    """Return the memory that nearly all cases of a step took so far; none while few were done."""
    peaks = sorted(entry.peak_mib for entry in ledger.entries(step) if entry.peak_mib)
    return peaks[int(NEARLY_ALL * (len(peaks) - 1))] / 1024 if len(peaks) >= ENTRIES_TO_TRUST else None
