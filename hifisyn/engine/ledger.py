"""The ledger: what was done to each case of a cohort, step by step; append-only JSON lines, one file a writer.

Only the coordinating process writes, and only its own file, so array jobs share a folder on a network file system
without locking each other out. All files of the folder are read and merged; of two lines on the same case and step
the later one counts. A line that a killed process left torn is skipped.

It only stores. Whether a case is done for what is asked now is decided by `engine.once_per_case`; work of a single
folder needs no ledger, see `engine.once`.
"""

import gc
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hifisyn import __version__
from hifisyn.engine.lock import only_writer
from hifisyn.files import atomic

FOLDER, WRITER = "ledger", "all"
WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", re.ASCII)
DONE, FAILED, KILLED = "done", "failed", "killed"
FEWEST_LINES_TO_COMPACT = 1000


@dataclass(slots=True)
class Entry:
    """The result of one step of one case.

    Attributes:
        case, subject, step: of which it is.
        state: done; failed, as it would again with the same files and settings; killed, by a signal or a
            passing trouble, where another try may succeed.
        inputs: digest of the contents of the files that went in.
        stamp: digest of how these files looked from outside; while it holds, they need not be read.
        config: digest of the settings.
        seconds: wall time; None where the result existed already.
        peak_mib: of the process that did it.
        error: one line.
        labels: given, computed, manual or none, of the step that makes them.
        parts: seconds by part of the step.
        facts: plain data for the steps that follow.
        when: UTC.
        version: of hifisyn.
    """

    case: str
    subject: str
    step: str
    state: str
    inputs: str = ""
    stamp: str = ""
    config: str = ""
    seconds: float | None = None
    peak_mib: int = 0
    error: str = ""
    labels: str = ""
    parts: dict[str, float] | None = None
    facts: Any = None
    when: str = ""
    version: str = field(default=__version__)

    def line(self) -> str:
        """Return the entry as a line of JSON, without empty values."""
        content = {key: value for key, value in asdict(self).items() if value not in ("", None)}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


KEYS = frozenset(entry.name for entry in fields(Entry))
FEW = ("subject", "step", "state", "config", "labels", "version")  # values that many entries share


class Ledger:
    """The latest entry of each case and step; with a file, what is recorded is written there at once."""

    def __init__(self, file: Path | None = None) -> None:
        self._steps: dict[str, dict[str, Entry]] = {}
        self._file = file
        self._handle: int | None = None
        self.recorded = 0

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, writer: str = WRITER) -> Iterator["Ledger"]:
        """Read all ledgers of a folder and write to that of `writer`, which no other process may do meanwhile.

        Raises:
            UserError: another living process writes what this one would.
        """
        with only_writer(folder, writer):
            file = folder / f"{writer}.jsonl"
            ledger = cls(file)
            with _no_search_for_cycles():
                for path in sorted(folder.glob("*.jsonl")):
                    lines, kept = ledger._merge(path)
                    if path == file and lines > max(2 * kept, FEWEST_LINES_TO_COMPACT):
                        _compact(path)
            _end_last_line(file)
            ledger._handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            try:
                yield ledger
            finally:
                os.close(ledger._handle)
                ledger._handle = None

    def entry(self, case: str, step: str) -> Entry | None:
        """Return the latest entry, or None."""
        return self._steps.get(step, {}).get(case)

    def entries(self, step: str | None = None) -> Iterator[Entry]:
        """Yield the latest entries of a step, or of all steps."""
        for name, cases in self._steps.items():
            if step in (None, name):
                yield from cases.values()

    def inputs(self, case: str, stamp: str) -> str:
        """Return the digest of files that any step read when they looked as now, or ""."""
        for cases in self._steps.values():
            entry = cases.get(case)
            if entry is not None and entry.stamp == stamp:
                return entry.inputs
        return ""

    def record(self, entry: Entry) -> None:
        """Replace the entry of the same case and step, and write the new one."""
        before = self.entry(entry.case, entry.step)
        entry.when = _later_than(before.when if before else "")
        self._put(entry)
        self.recorded += 1
        if self._handle is not None:
            os.write(self._handle, entry.line().encode())

    def _put(self, entry: Entry) -> None:
        self._steps.setdefault(entry.step, {})[entry.case] = entry

    def _merge(self, path: Path) -> tuple[int, int]:
        """Read a file; return how many entries it has, and of how many cases and steps."""
        lines, seen = 0, set()
        with path.open("rb") as file:
            for line in file:
                entry = _read(line)
                if entry is None:
                    continue
                lines += 1
                seen.add(hash((entry.case, entry.step)))
                before = self.entry(entry.case, entry.step)
                if before is None or entry.when >= before.when:
                    self._put(entry)
        return lines, len(seen)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Pause the garbage collector: entries have no cycles, and among many new objects it searches again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _read(line: bytes) -> Entry | None:
    """Return the entry of a line, without what a later version added; None where the line is torn, or is none."""
    try:
        content = json.loads(line)
        for key in FEW:
            if key in content:
                content[key] = sys.intern(content[key])
        try:
            entry = Entry(**content)
        except TypeError:
            entry = Entry(**{key: value for key, value in content.items() if key in KEYS})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    texts = (entry.case, entry.subject, entry.step, entry.state, entry.inputs, entry.stamp, entry.config, entry.error)
    return entry if all(type(text) is str for text in texts) and _is_written(entry.when) else None


def _is_written(when: Any) -> bool:
    """Return whether a text is a time as `_written` writes it; "" is none yet."""
    return type(when) is str and (when == "" or WRITTEN.fullmatch(when) is not None)


def _later_than(before: str) -> str:
    """Return the time, or a little more than `before` where another machine's clock is ahead."""
    now = datetime.now(UTC)
    text = _written(now)
    return text if text > before else _written(datetime.fromisoformat(before) + timedelta(milliseconds=1))


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _compact(path: Path) -> None:
    """Keep the last line of each case and step."""
    last: dict[tuple[str, str], bytes] = {}
    with path.open("rb") as file:
        for line in file:
            if (entry := _read(line)) is not None:
                last.pop((entry.case, entry.step), None)
                last[entry.case, entry.step] = line.rstrip(b"\n") + b"\n"
    with atomic(path) as temporary:
        temporary.write_bytes(b"".join(last.values()))


def _end_last_line(path: Path) -> None:
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
