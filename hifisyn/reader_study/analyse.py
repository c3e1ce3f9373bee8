"""Analyses a study: from readers' files and the key to tables, a figure and a summary."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hifisyn.columns import MODEL
from hifisyn.evaluation import output_files
from hifisyn.files import sha256, write_text
from hifisyn.paths import ANALYSIS, RANKS_PNG
from hifisyn.reader_study import key as keys
from hifisyn.reader_study.answers import Readings, find_answer_files, read_answers
from hifisyn.reader_study.cautions import write_cautions
from hifisyn.reader_study.figure import draw_ranks
from hifisyn.reader_study.findings import Findings, derive_findings
from hifisyn.reader_study.make import STUDY_HTML
from hifisyn.reader_study.study_tables import study_tables
from hifisyn.tables.table import Table


@dataclass(frozen=True)
class Analysis:
    """An analysis of a study.

    Attributes:
        folder: with all files.
        readings: the answers of all readers.
        findings: its results.
        tables: name of the file to the table.
        notes: sentences for the owner of the study.
    """

    folder: Path
    readings: Readings
    findings: Findings
    tables: dict[str, Table]
    notes: tuple[str, ...]


def analyse_study(
    study: Path,
    answers: Sequence[Path],
    output: Path | None = None,
    *,
    key: Path | None = None,
    overwrite: bool = False,
) -> Analysis:
    """Analyse a study; write ranks.csv, tables as CSV and Markdown, ranks.png and summary.json.

    Args:
        study: folder of the study.
        answers: readers' files, or folders of them.
        output: folder for the results; none: analysis in the folder of the study.
        key: the key; none: key/key.json in the folder of the study.
        overwrite: replace an earlier analysis.

    Raises:
        UserError: see `hifisyn.reader_study.answers.read_answers`; or an analysis exists already.
    """
    opened = keys.read_key(key or study / keys.FOLDER / keys.KEY_JSON)
    output = output or study / ANALYSIS
    output_files.claim(output, overwrite)
    readings = read_answers(find_answer_files(answers), opened)
    titles = {name: candidate.title for name, candidate in opened.candidates.items()}
    named = readings.ranks.assign(model=readings.ranks[MODEL].map(titles))
    findings = derive_findings(named)
    tables = study_tables(findings, readings)
    notes = (*page_notes(study, opened.page_sha256), *write_cautions(findings))
    output_files.write_table(output / "ranks.csv", named)
    if len(readings.comments):
        output_files.write_table(output / "comments.csv", readings.comments)
    for name, table in tables.items():
        write_text(output / f"{name}.csv", table.csv())
        write_text(output / f"{name}.md", table.markdown())
    tested = {question: test for question, test in findings.tests.items() if np.isfinite(test.p)}
    differences = {question: test.critical_difference for question, test in tested.items()}
    draw_ranks(output / RANKS_PNG, findings.means, findings.by_reader, differences)
    output_files.write_summary(output / output_files.SUMMARY_JSON, _summary(opened, readings, findings, notes), [])
    return Analysis(output, readings, findings, tables, notes)


def page_notes(study: Path, digest: str) -> list[str]:
    """Return a sentence where the page of a study is not that of the SHA-256 digest."""
    page = study / STUDY_HTML
    if page.is_file() and sha256(page) != digest:
        return [f"{page} is not the page that the key belongs to; it was changed or replaced."]
    return []


def _summary(key: keys.Key, readings: Readings, findings: Findings, notes: Sequence[str]) -> dict[str, Any]:
    tests = {
        question: asdict(test) | {"mean_ranks": test.mean_ranks.to_dict(), "verdict": str(test.verdict)}
        for question, test in findings.tests.items()
    }
    return {
        "settings": {"study": key.study, "unit": "case, averaged over readers", "drawn_with": key.settings},
        "candidates": {name: candidate.model_dump() for name, candidate in key.candidates.items()},
        "readers": readings.readers,
        "unfinished": [ranking.as_row() for ranking in readings.unfinished],
        "mean": findings.means,
        "tests": tests,
        "agreement": {"all": findings.concordance, "pairs": findings.pairs, "repeats": findings.repeats},
        "notes": list(notes),
    }
