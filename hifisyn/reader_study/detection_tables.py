"""The tables of a study of detection, and where they must be read with caution."""

import numpy as np
import pandas as pd

from hifisyn.columns import MODEL
from hifisyn.reader_study.detection_answers import Detections
from hifisyn.reader_study.detection_findings import COMPARED, MEASURES, DetectionFindings
from hifisyn.reader_study.images import REAL
from hifisyn.statistics.rates import fewest_apart, wilson
from hifisyn.statistics.verdict import count, p_text
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, heads
from hifisyn.tables.table import Table

NOTHING = "–"
ASSUMED = 0.9  # a sensitivity to say by example how wide an interval is


def detection_tables(
    findings: DetectionFindings, readings: Detections, titles: dict[str, str], tolerance_mm: float
) -> dict[str, Table]:
    """Return the tables by the names of their files; `titles` names the candidates."""
    return {
        "detection": _rates(findings, titles, tolerance_mm),
        "differences": _differences(findings, titles),
        "readers": _readers(findings, readings),
    }


def detection_cautions(findings: DetectionFindings) -> list[str]:
    """Return a sentence for each caution: how few subjects can show how little."""
    models = findings.differences[MODEL].nunique()
    cautions = []
    if findings.readers == 1:
        cautions.append("One reader: the rates are one person's, and another may read otherwise.")
    for n, kind, what in zip(findings.subjects, ("with", "without"), ("sensitivity", "specificity"), strict=True):
        apart = fewest_apart(max(models, 1))
        low, high = wilson(ASSUMED, n)
        shown = f"a difference of {apart / n:.0%}" if apart <= n else "no difference, however large"
        cautions.append(
            f"{count(n, 'subject')} {kind} a lesion: at one image each, a {what} of {ASSUMED:.0%} has an interval from "
            f"{low:.0%} to {high:.0%}, and a test can show {shown}, where {apart} subjects change, all in one way."
        )
    cautions.append("No difference shown is not equality shown.")
    return cautions


def _rates(findings: DetectionFindings, titles: dict[str, str], tolerance_mm: float) -> Table:
    rates = findings.rates.set_index([MODEL, "measure"])
    rows = []
    for model in _order(findings.rates):
        cells = [_rate_cell(rates.loc[(model, m)]) if (model, m) in rates.index else Cell(NOTHING) for m in MEASURES]
        rows.append((Cell(titles[model]), *cells))
    note = (
        f"{count(findings.readers, 'reader')}; {findings.subjects[0]} subjects have a slice with a lesion, "
        f"{findings.subjects[1]} one without. Sensitivity: share of images with a lesion on which one was seen. "
        f"Located: seen, and the place at most {tolerance_mm:g} mm from it. Localisation: of those seen, the place was "
        "right. Specificity: share of images without on which none was seen. In brackets Wilson's 95 % interval, for "
        "as many independent answers as the spread between subjects leaves."
    )
    return Table("Detection of lesions", note, heads("images", *MEASURES), tuple(rows), findings.rates)


def _order(rates: pd.DataFrame) -> list[str]:
    names = sorted(rates[MODEL].unique())
    return [REAL, *(name for name in names if name != REAL)] if REAL in names else names


def _rate_cell(row: pd.Series) -> Cell:
    return Cell(f"{row['rate']:.2f}{_brackets(row['low'], row['high'])}")


def _brackets(low: float, high: float) -> str:
    return f" ({low:.2f} to {high:.2f})" if np.isfinite(low) and np.isfinite(high) else ""


def _differences(findings: DetectionFindings, titles: dict[str, str]) -> Table:
    table = findings.differences
    head = [Head("images"), *(Head(word, measure) for measure in COMPARED for word in ("difference", "p, Holm"))]
    rows = []
    for model in table[MODEL].unique() if len(table) else ():
        cells = [Cell(titles[model])]
        for measure in COMPARED:
            row = table[(table[MODEL] == model) & (table["measure"] == measure)].iloc[0]
            there = np.isfinite(row["difference"])
            cells.append(Cell(f"{row['difference']:+.2f}{_brackets(row['low'], row['high'])}" if there else NOTHING))
            cells.append(Cell(p_text(row["p_holm"]) if there else NOTHING))
        rows.append(tuple(cells))
    note = (
        "Synthetic less real, over slices that a reader answered of both; in brackets the 95 % bootstrap interval over "
        "subjects, none where all subjects differ alike. p: exact signed-rank test of one value a subject, which is "
        "McNemar's where each has one answer; Holm's correction over the models of a measure."
    )
    return Table("Synthetic against real images", note, tuple(head), tuple(rows), table)


def _readers(findings: DetectionFindings, readings: Detections) -> Table:
    rows = []
    seconds = readings.looks.groupby("reader")["seconds"].median()
    for person in readings.readers.to_dict("records"):
        own = findings.by_reader[findings.by_reader["reader"] == person["reader"]]
        cells = [f"{person['years']:g}", str(person["finished"]), str(person["unfinished"])]
        cells.append(f"{seconds[person['reader']]:.0f}" if person["reader"] in seconds else NOTHING)
        for measure in ("sensitivity", "specificity"):
            for real in (True, False):
                part = own[(own["measure"] == measure) & ((own[MODEL] == REAL) == real)]
                weight = part["images"].sum()
                cells.append(f"{(part['rate'] * part['images']).sum() / weight:.2f}" if weight else NOTHING)
        rows.append((Cell(str(person["reader"])), *map(Cell, cells)))
    head = [*heads("reader", "years", "images", "left out", "median seconds")]
    head += [Head(kind, measure) for measure in ("sensitivity", "specificity") for kind in ("real", "synthetic")]
    note = "Each reader on real scans, and on all synthetic images together."
    return Table("Readers", note, tuple(head), tuple(rows), findings.by_reader)
