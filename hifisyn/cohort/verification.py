"""Verification as people read it: one table, one CSV file, one reason a case."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from hifisyn import paths
from hifisyn.dataset import Dataset
from hifisyn.engine.jobs import Failure
from hifisyn.engine.ledger import FAILED
from hifisyn.engine.sweep import Engine
from hifisyn.files import update_text
from hifisyn.preprocessing.findings import Finding, Severity
from hifisyn.preprocessing.verify import STEP as VERIFY
from hifisyn.preprocessing.verify import verify

COLUMNS = ("case", "file", "severity", "problem", "hint")
LINES_SHOWN = 50

log = logging.getLogger(__name__)


def verify_files(dataset: Dataset, folder: Path, engine: Engine, *, write_table: bool = True) -> list[Failure]:
    """Check the files, write verification.csv, and return the cases that cannot be used.

    Args:
        dataset: raw.
        folder: of the preprocessed data set.
        engine: what does the work.
        write_table: write verification.csv; without, as for a shard, the table is only logged.
    """
    before = {entry.case: entry.when for entry in engine.ledger.entries(VERIFY) if entry.state == FAILED}
    findings = verify(dataset, engine=engine)
    path = folder / paths.VERIFICATION_CSV
    if write_table:
        write_findings(path, findings)
    bad = unusable(findings)
    warned = sum(finding.severity is Severity.WARNING for finding in findings)
    where = f"; see {path}" if write_table else ""
    log.info(f"verified {len(dataset.all_cases)} cases: {len(bad)} unusable, {warned} warnings{where}")
    for line in shortened(table(findings)):
        log.info(f"  {line}")
    now = {case: engine.ledger.entry(case, VERIFY) for case in bad}
    known = {case for case, entry in now.items() if entry and entry.when == before.get(case)}
    return [Failure(case, reason, VERIFY, case in known) for case, reason in bad.items()]


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings as CSV, the header alone where there are none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(finding) for finding in findings)
    update_text(path, text.getvalue())


def table(findings: Sequence[Finding]) -> list[str]:
    """Return findings as aligned lines, header first; nothing where there are none."""
    if not findings:
        return []
    rows = [COLUMNS, *(_row(finding) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    return ["  ".join([*(t.ljust(w) for t, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows]


def shortened(lines: list[str], most: int = LINES_SHOWN) -> list[str]:
    """Return the first lines of a table, and how many more there are."""
    more = len(lines) - most
    return [*lines[:most], f"and {more} more lines"] if more > 0 else lines


def unusable(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the cases with errors and the first reason of each."""
    bad: dict[str, str] = {}
    for finding in findings:
        if finding.severity is Severity.ERROR and finding.case:
            bad.setdefault(finding.case, str(finding))
    return bad


def _row(finding: Finding) -> tuple[str, ...]:
    return (finding.case or "all", finding.file, finding.severity, finding.problem, finding.hint)
