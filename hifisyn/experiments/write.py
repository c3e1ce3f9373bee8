"""What an experiment leaves: a page of tables, their numbers as CSV, a picture, and a record as JSON.

All is read from the model folders: the same trainings give the same tables, to the last byte.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import pandas as pd

from hifisyn.columns import DIRECTION
from hifisyn.directions import Direction
from hifisyn.downstream.run import FinishedJob
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation.model_task import SUBJECTS_CSV, EvaluationTask
from hifisyn.evaluation.output_files import PACKAGES, write_table
from hifisyn.experiments import dots
from hifisyn.experiments.describe import in_common
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.tables import ROW
from hifisyn.experiments.trainings import Training
from hifisyn.figures.draw_comparisons import draw_comparisons
from hifisyn.files import write_json, write_text
from hifisyn.statistics.units import by_subject
from hifisyn.tables.table import Table
from hifisyn.training.checkpoint import versions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """The results of an experiment.

    Attributes:
        trainings: those that were compared.
        cases: one row a row, seed, direction and case.
        failures: what did not come into the tables.
        downstream: what was done with the synthetic scans.
        remarks: downstream work that these data do not allow.
    """

    trainings: Sequence[Training]
    cases: pd.DataFrame
    failures: Sequence[Failure]
    downstream: Sequence[FinishedJob] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Pages:
    """What a kind of experiment shows.

    Attributes:
        preface: Markdown before the tables, on the page alone.
        tables: on the page and in the terminal.
        files: content of CSV files, by name without ending.
        sheets: direction to the evaluations whose slices stand side by side, by row.
    """

    preface: Sequence[str]
    tables: Sequence[Table]
    files: Mapping[str, str]
    sheets: Mapping[Direction, Mapping[str, EvaluationTask]] = field(default_factory=dict)


def write(experiment: Experiment, results: Results, pages: Callable[[Experiment, Results], Pages]) -> str:
    """Write all tables and pictures into the folder of the experiment; nothing where nothing could be compared.

    Args:
        experiment: that was done.
        results: what it came to.
        pages: returns what its kind shows.

    Returns:
        The tables for a terminal, "" where nothing was written.
    """
    if results.cases.empty:
        return ""
    kind, folder, shown = experiment.kind, experiment.folder, pages(experiment, results)
    write_table(folder / SUBJECTS_CSV, results.cases)
    for name, text in shown.files.items():
        write_text(folder / f"{name}.csv", text)
    title, *common = map(_sentence, in_common(experiment))
    subjects = by_subject(results.cases, "psnr", method=ROW).shape[0]
    head = [f"# {title}", *(f"{line}." for line in (*common, f"{subjects} subjects are compared", *results.remarks))]
    tables = [table.markdown() for table in shown.tables]
    page = [*(f"{text}\n" for text in head), *shown.preface, *tables, *_left_out(experiment, results)]
    write_text(folder / f"{kind.page}.md", "\n".join(page))
    dots.draw(folder / f"{kind.page}.png", results.cases, experiment.title, kind.reference)
    write_json(folder / f"{kind.name}.json", _record(experiment, results))
    for direction, tasks in shown.sheets.items():
        try:
            draw_comparisons(folder, tasks, direction)
        except Exception as error:
            log.info(f"sheet of {direction}: left out: {one_line(error)}")
    return "\n".join(table.text() for table in shown.tables)


def _sentence(line: str) -> str:
    return line[:1].upper() + line[1:]


def _left_out(experiment: Experiment, results: Results) -> list[str]:
    lines = [f"- {failure.case}: {failure.reason}\n" for failure in (*results.failures, *experiment.left_out)]
    return ["Left out:\n", *lines] if lines else []


def _record(experiment: Experiment, results: Results) -> dict[str, Any]:
    """Return what was done, as plain data."""
    request = experiment.request
    return {
        "dataset": request.dataset,
        "directions": list(dict.fromkeys(results.cases[DIRECTION])),
        "fold": request.fold,
        "plans": request.plans,
        "command": request.command,
        "length": experiment.length.in_words(experiment.trainings[0].job.plans),
        "seeds": list(experiment.seeds),
        "compared": {"split": experiment.split, "checkpoint": experiment.checkpoint},
        "rows": [
            {
                "row": row.name,
                "key": row.key,
                "summary": row.summary,
                "method": row.method,
                "assignments": list(row.assignments),
                "trainings": [_training(training) for training in results.trainings if training.row == row],
            }
            for row in experiment.rows
        ],
        "left_out": {failure.case: failure.reason for failure in experiment.left_out},
        "failures": {failure.case: failure.reason for failure in results.failures},
        "versions": {name: version(name) for name in PACKAGES} | versions(),
    }


def _training(training: Training) -> dict[str, Any]:
    return {
        "domains": list(training.job.domains),
        "seed": training.job.seed,
        "model": training.model.name,
        "steps": training.steps,
        "seconds": round(training.seconds(), 1),
        "budget": asdict(training.budget),
        "splits_recorded": training.budget.is_recorded(training.job),
    }
