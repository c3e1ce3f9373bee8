"""Analyses a study of detection: from readers' files and the key to tables and a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.columns import MODEL
from hifisyn.errors import UserError
from hifisyn.evaluation import output_files
from hifisyn.files import write_text
from hifisyn.paths import ANALYSIS
from hifisyn.reader_study import key as keys
from hifisyn.reader_study.analyse import page_notes
from hifisyn.reader_study.answers import find_answer_files
from hifisyn.reader_study.detection_answers import Detections, read_detections
from hifisyn.reader_study.detection_findings import TOLERANCE_MM, DetectionFindings, derive_detection
from hifisyn.reader_study.detection_key import read_detection_key
from hifisyn.reader_study.detection_tables import detection_cautions, detection_tables
from hifisyn.tables.table import Table


@dataclass(frozen=True)
class DetectionAnalysis:
    """An analysis of a study of detection.

    Attributes:
        folder: with all files.
        readings: the answers of all readers.
        findings: its results.
        tables: name of the file to the table.
        notes: sentences for the owner of the study.
    """

    folder: Path
    readings: Detections
    findings: DetectionFindings
    tables: dict[str, Table]
    notes: tuple[str, ...]


def analyse_detection(
    study: Path,
    answers: Sequence[Path],
    output: Path | None = None,
    *,
    key: Path | None = None,
    overwrite: bool = False,
    tolerance_mm: float = TOLERANCE_MM,
) -> DetectionAnalysis:
    """Analyse a study; write looks.csv, tables as CSV and Markdown, and summary.json.

    Args:
        study: folder of the study.
        answers: readers' files, or folders of them.
        output: folder for the results; none: analysis in the folder of the study.
        key: the key; none: key/key.json in the folder of the study.
        overwrite: replace an earlier analysis.
        tolerance_mm: how far from a lesion a place still counts as on it.

    Raises:
        UserError: see `hifisyn.reader_study.detection_answers.read_detections`; or an analysis exists already.
    """
    if tolerance_mm < 0:
        raise UserError("--tolerance-mm must be 0 or more", got=f"{tolerance_mm:g}")
    opened = read_detection_key(key or study / keys.FOLDER / keys.KEY_JSON)
    output = output or study / ANALYSIS
    output_files.claim(output, overwrite)
    readings = read_detections(find_answer_files(answers), opened)
    findings = derive_detection(readings.looks, tolerance_mm)
    titles = {name: candidate.title for name, candidate in opened.candidates.items()}
    tables = detection_tables(findings, readings, titles, tolerance_mm)
    notes = (*page_notes(study, opened.page_sha256), *detection_cautions(findings))
    output_files.write_table(output / "looks.csv", readings.looks.assign(title=readings.looks[MODEL].map(titles)))
    if len(readings.comments):
        output_files.write_table(output / "comments.csv", readings.comments)
    for name, table in tables.items():
        write_text(output / f"{name}.csv", table.csv())
        write_text(output / f"{name}.md", table.markdown())
    summary = {
        "settings": {
            "study": opened.study,
            "unit": "subject",
            "tolerance_mm": tolerance_mm,
            "drawn_with": opened.settings,
        },
        "candidates": {name: candidate.model_dump() for name, candidate in opened.candidates.items()},
        "readers": readings.readers,
        "unfinished": list(readings.unfinished),
        "rates": findings.rates,
        "differences": findings.differences,
        "by_reader": findings.by_reader,
        "notes": list(notes),
    }
    output_files.write_summary(output / output_files.SUMMARY_JSON, summary, [])
    return DetectionAnalysis(output, readings, findings, tables, notes)
