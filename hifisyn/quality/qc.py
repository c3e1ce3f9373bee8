"""The quality control of a cohort: its page, outliers first, and the table of all measurements."""

import csv
import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hifisyn.dataset import Dataset
from hifisyn.files import write_text
from hifisyn.paths import ALIGNED, QC_HTML
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.quality.measures import CohortMeasures, collect_measures
from hifisyn.quality.outliers import Ranking, rank, reasons
from hifisyn.quality.page import render_cohort
from hifisyn.slices import SliceStore

log = logging.getLogger(__name__)

PAGE, TABLE, MISSING = QC_HTML, "qc.tsv", "n/a"


def write_cohort_page(
    folder: Path, dataset: Dataset, failures: Mapping[str, str], slices: SliceStore | None = None, lesions: str = ""
) -> Path:
    """Write qc.html and qc.tsv into the folder of a preprocessed data set, replacing what is there.

    Args:
        folder: of the preprocessed data set, with aligned/ and pictures/ in it.
        dataset: raw; its aligned cases are shown, held-out ones too.
        failures: case that was left out to its reason.
        slices: whose records hold the number of slices; none: slices are not extracted yet.
        lesions: how lesions differ between contrasts, see `hifisyn.planning.prevalence`; "": not so that it matters.

    Returns:
        The page.
    """
    aligned = AlignedStore(folder / ALIGNED)
    failures = {case: _without_paths(dataset, case, reason) for case, reason in sorted(failures.items())}
    cases = [case for case in aligned.cases() if case in dataset.all_cases and case not in failures]
    cohort = collect_measures(folder, dataset, cases, slices)
    ranking = rank(cohort)
    write_text(folder / TABLE, _table(cohort, ranking, dataset, failures), private=dataset.private)
    page = render_cohort(folder, dataset.name, cohort, ranking, failures, lesions)
    write_text(folder / PAGE, page, private=dataset.private)
    if cohort.untrusted:
        log.warning(
            f"registrations that are not trusted: of {len(cohort.untrusted)} cases, left out of what needs pairs; they "
            f"stand first in {PAGE}"
        )
    return folder / PAGE


def _without_paths(dataset: Dataset, case: str, reason: str) -> str:
    """Return a reason without paths that must not be shown."""
    return dataset.all_cases[case].hide_paths(reason) if dataset.private and case in dataset.all_cases else reason


def _table(cohort: CohortMeasures, ranking: Ranking, dataset: Dataset, failures: Mapping[str, str]) -> str:
    """Return all measurements of all cases, tab-separated, by name; n/a where a case lacks one."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    keys = [measure.key for measure in cohort.measures]
    writer.writerow(
        ["case", "set", "left_out", "not_trusted", "score", "why", *keys, *(f"step_{stage}" for stage in cohort.steps)]
    )
    writer.writerows(_rows(cohort, ranking, dataset))
    empty = [MISSING] * (len(keys) + len(cohort.steps))
    for case, reason in failures.items():
        writer.writerow([case, _set(dataset, case), reason, MISSING, MISSING, MISSING, *empty])
    return text.getvalue()


def _rows(cohort: CohortMeasures, ranking: Ranking, dataset: Dataset) -> Iterator[list[str]]:
    columns = [cohort.values[measure.key] for measure in cohort.measures]
    for place, case in enumerate(cohort.cases):
        why = "; ".join(map(str, reasons(cohort, ranking, place))) if ranking.scored else ""
        numbers = [f"{column[place]:.6g}" if np.isfinite(column[place]) else MISSING for column in columns]
        score = f"{ranking.score[place]:.4g}" if ranking.scored else MISSING
        done = [str(steps[place] or MISSING) for steps in cohort.steps.values()]
        doubts = "; ".join(f"{m} {checks.verdict}" for m, checks in cohort.untrusted.get(case, {}).items())
        yield [case, _set(dataset, case), MISSING, doubts or MISSING, score, why or MISSING, *numbers, *done]


def _set(dataset: Dataset, case: str) -> str:
    if case in dataset.test:
        return "test"
    return "train" if case in dataset.cases else MISSING
