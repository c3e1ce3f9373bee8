"""One step of many cases, each done once: what the ledger holds for what is asked now, and what is due.

`engine.once.Once` answers the same question for one folder, by a file in it. Here the ledger answers it for thousands
of cases without opening their files; what is asked is the settings and the files that go in.
"""

import os
from pathlib import Path

from hifisyn.engine.digests import stamp
from hifisyn.engine.ledger import DONE, FAILED, Entry, Ledger
from hifisyn.engine.subject import Order, Task


class OncePerCase:
    """One step of all cases.

    Args:
        ledger: what was done.
        step: its name in the ledger.
        retry_failed: what failed before is due again.
    """

    def __init__(self, ledger: Ledger, step: str, *, retry_failed: bool = False) -> None:
        self.ledger, self.step, self.retry_failed = ledger, step, retry_failed
        self._exists = _Listing()

    def holds(self, task: Task) -> Entry | None:
        """Return the entry of a case that is not due: its settings, the looks of its files and its result are the same.

        It may be of a failure, which would happen again.
        """
        entry = self._of_same_settings(task)
        return entry if entry is not None and entry.stamp == stamp(task.files) else None

    def begin(self, task: Task) -> Order:
        """Return a task that is due, with what spares its worker from reading files or from doing it."""
        return Order(task, self.ledger.inputs(task.case.name, stamp(task.files)), unless=self._of_same_settings(task))

    def finish(self, entry: Entry) -> None:
        """Write down what a worker returned."""
        self.ledger.record(entry)

    def _of_same_settings(self, task: Task) -> Entry | None:
        """Return the entry that holds if the files are what they were; None where the case is due in any event."""
        entry = self.ledger.entry(task.case.name, self.step)
        if entry is None or task.force or entry.config != task.config:
            return None
        if entry.state == DONE:
            return entry if task.output is None or all(map(self._exists, (task.output, *task.beside))) else None
        return entry if entry.state == FAILED and not self.retry_failed else None


class _Listing:
    """Whether files exist, by one look at each folder: 50,000 questions to a file server take minutes."""

    def __init__(self) -> None:
        self._folders: dict[Path, frozenset[str]] = {}

    def __call__(self, path: Path) -> bool:
        if path.parent not in self._folders:
            self._folders[path.parent] = frozenset(os.listdir(path.parent) if path.parent.is_dir() else ())
        return path.name in self._folders[path.parent]
