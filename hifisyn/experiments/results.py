"""What an ablation leaves: table.csv, table.md, table.png, subjects.csv, and ablation.json, which says what was done.

All is made anew from what lies in the model folders: the same trainings give the same tables, to the last byte.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from hifisyn.engine.jobs import Failure
from hifisyn.evaluation.model_task import TEST
from hifisyn.evaluation.output_files import PACKAGES, write_table
from hifisyn.experiments import dots, tables
from hifisyn.experiments.comparison import Comparison
from hifisyn.experiments.trainings import Training
from hifisyn.files import write_json, write_text
from hifisyn.training.checkpoint import versions

ABLATION_JSON, TABLE_CSV, TABLE_MD, TABLE_PNG = "ablation.json", "table.csv", "table.md", "table.png"
SUBJECTS_CSV = "subjects.csv"
FLATTER = "Validation cases chose the best weights, so their numbers flatter, alike for every row."


def write_results(
    ablation: Comparison, cases: pd.DataFrame, done: Sequence[Training], failures: Sequence[Failure]
) -> str:
    """Write the table and all that belongs to it; nothing where nothing could be compared.

    Args:
        ablation: what was asked for.
        cases: one row a row, seed, direction and case.
        done: the trainings that reached their end.
        failures: trainings and rows that did not come into the table.

    Returns:
        The tables for a terminal, "" where nothing was written.
    """
    if cases.empty:
        return ""
    folder = ablation.folder
    title = f"Ablation on {ablation.request.dataset}, {' and '.join(ablation.domains)}, {ablation.split} cases"
    shown = tables.comparisons(cases, title)
    if len(ablation.seeds) > 1:
        shown.append(tables.seed_table(cases))
    settings = {row.name: " ".join(row.assignments) for row in ablation.rows}
    write_table(folder / SUBJECTS_CSV, cases)
    write_table(folder / TABLE_CSV, tables.wide(cases, settings))
    made = [table.markdown() for table in (tables.ticks(ablation.rows), *shown)]
    write_text(folder / TABLE_MD, "\n".join([*_head(ablation), *made, *_left_out(ablation, failures)]))
    dots.draw(folder / TABLE_PNG, cases, title)
    write_json(folder / ABLATION_JSON, _record(ablation, done, failures))
    return "\n".join(table.text() for table in shown)


def _head(ablation: Comparison) -> list[str]:
    """Return what all rows share, as paragraphs."""
    first = ablation.trainings[0]
    plans, budget = first.job.plans, first.budget
    lines = [
        f"# Ablation on {ablation.request.dataset}: {' and '.join(ablation.domains)}, fold {ablation.request.fold}\n",
        f"Every row was trained on the same {len(first.job.train)} cases for {plans.length.epochs} epochs of "
        f"{plans.length.iterations} steps (batch {plans.optimisation.batch_size}, {budget['device']}, "
        f"{budget['precision']}), seeds {', '.join(map(str, ablation.seeds))}, and is "
        f"compared on the {ablation.split} cases with its {ablation.checkpoint} weights. Intensities are in [-1, 1].\n",
    ]
    return lines if ablation.split == TEST else [*lines, f"{FLATTER}\n"]


def _left_out(ablation: Comparison, failures: Sequence[Failure]) -> list[str]:
    lines = [f"- {failure.case}: {failure.reason}\n" for failure in failures]
    lines += [f"- {row.name}: needs the method {row.method}\n" for row in ablation.missing]
    return ["Left out:\n", *lines] if lines else []


def _record(ablation: Comparison, done: Sequence[Training], failures: Sequence[Failure]) -> dict[str, Any]:
    """Return what was done, as plain data."""
    rows = [
        {
            "row": row.name,
            "key": row.key,
            "words": row.words,
            "method": row.method,
            "assignments": list(row.assignments),
            "trainings": [_training(t) for t in done if t.row == row],
        }
        for row in ablation.rows
    ]
    return {
        "dataset": ablation.request.dataset,
        "domains": list(ablation.domains),
        "fold": ablation.request.fold,
        "plans": ablation.request.plans,
        "command": ablation.request.command,
        "budget": ablation.trainings[0].budget,
        "seeds": list(ablation.seeds),
        "compared": {"split": ablation.split, "checkpoint": ablation.checkpoint},
        "rows": rows,
        "missing": {row.name: f"needs the method {row.method}" for row in ablation.missing},
        "failures": {failure.case: failure.reason for failure in failures},
        "versions": {name: version(name) for name in PACKAGES} | versions(),
    }


def _training(training: Training) -> dict[str, Any]:
    return {
        "seed": training.job.seed,
        "model": training.model.name,
        "seconds": round(training.seconds(), 1),
        "splits_written_down": not training.adopted,
    }
