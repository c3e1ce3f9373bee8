"""The failures of a run as people read them: a table on the screen, and a file with all of them."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from hifisyn.engine.jobs import Failure
from hifisyn.files import write_text

FAILURES_CSV = "failures.csv"
COLUMNS = ("case", "step", "reason")
LINES_SHOWN = 50
HINT = "not tried again, since files and settings are the same: --retry-failed tries them again"

log = logging.getLogger(__name__)


def write_failures(folder: Path, failures: Sequence[Failure]) -> None:
    """Write failures.csv into the folder of a preprocessed data set; remove it where nothing failed."""
    path = folder / FAILURES_CSV
    if not failures:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *map(_row, failures)])
    write_text(path, text.getvalue())


def log_failures(failures: Sequence[Failure]) -> None:
    """Log a table of what failed, and how to try again; nothing where nothing failed."""
    for line in _table(failures) if failures else []:
        log.warning(line)


def _table(failures: Sequence[Failure]) -> list[str]:
    rows = [COLUMNS, *(_row(failure) for failure in failures[:LINES_SHOWN])]
    case, step = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"failed: {len({failure.case for failure in failures})} cases"]
    lines += [f"  {row[0].ljust(case)}  {row[1].ljust(step)}  {row[2]}" for row in rows]
    if len(failures) > LINES_SHOWN:
        lines.append(f"  and {len(failures) - LINES_SHOWN} more; see {FAILURES_CSV}")
    known = sum(failure.known for failure in failures)
    return lines + ([f"{known} of them {HINT}"] if known else [])


def _row(failure: Failure) -> tuple[str, str, str]:
    return failure.case, failure.step, failure.reason
