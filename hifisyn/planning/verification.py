"""The findings of verification as people read them: one table, one CSV file, one reason a case."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hifisyn.files import write_text
from hifisyn.preprocessing.verify import Finding

COLUMNS = ("case", "file", "severity", "problem", "advice")
LINES_SHOWN = 50


def write_findings(path: Path, findings: Sequence[Finding]) -> None:
    """Write findings as CSV, the header alone where nothing was found; a file that says the same stays as it is."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(finding) for finding in findings)
    if not path.exists() or path.read_text(encoding="utf-8") != text.getvalue():
        write_text(path, text.getvalue())


def table(findings: Sequence[Finding]) -> list[str]:
    """Return findings as aligned lines, header first; nothing where nothing was found."""
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
        if finding.severity == "error" and finding.case:
            where = f"{finding.file}: " if finding.file else ""
            bad.setdefault(finding.case, f"{where}{finding.problem}; {finding.advice}")
    return bad


def _row(finding: Finding) -> tuple[str, ...]:
    return (finding.case or "all", finding.file, finding.severity, finding.problem, finding.advice)
