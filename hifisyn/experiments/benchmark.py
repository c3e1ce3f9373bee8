"""What only a benchmark has: the paper's Tables 1 to 3, downstream tasks, cost, and sheets of all methods."""

from pathlib import Path

import pandas as pd

from hifisyn.columns import DIRECTION, METHOD
from hifisyn.directions import Direction, directions
from hifisyn.downstream import show
from hifisyn.downstream.run import FinishedJob
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.evaluation.model_task import EvaluationTask
from hifisyn.evaluation.untrained import is_untrained
from hifisyn.experiments import benchmark_tables as tables
from hifisyn.experiments.as_the_paper import AS_THE_PAPER, as_the_paper, read_slices
from hifisyn.experiments.compare import read_subjects, task_of
from hifisyn.experiments.cost import cost
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.groups import PAIRWISE
from hifisyn.experiments.kind import Kind
from hifisyn.experiments.methods import REFERENCE
from hifisyn.experiments.tables import MEANING, details, seed_table, trained_once
from hifisyn.experiments.write import Pages, Results
from hifisyn.tables.table import Table

BENCHMARK = Kind("benchmark", noun="method", page="benchmark", reference=REFERENCE, shorter="--budget N")
MEANING_OF_PAIRWISE = (
    "A row named pairwise is one training for each pair of the contrasts; these divide the budget that the row of all "
    "contrasts has for its one training."
)


def pages(experiment: Experiment, results: Results) -> Pages:
    """Return what a benchmark shows, each table with a file of its numbers, and sheets of all methods."""
    once = f" {trained_once(BENCHMARK.noun)}" if len(experiment.seeds) == 1 else ""
    pairwise = any(row.key.endswith(PAIRWISE) for row in experiment.rows)
    shown = _tables(experiment, results)
    return Pages(
        preface=[f"{MEANING}{once}\n", *([f"{MEANING_OF_PAIRWISE}\n"] if pairwise else [])],
        tables=list(shown.values()),
        files={name: table.csv() for name, table in shown.items()},
        sheets=_sheets(experiment, results),
    )


def _tables(experiment: Experiment, results: Results) -> dict[str, Table]:
    """Return the tables by the name of their files."""
    shown = {"table_1": tables.table_1(results.cases), "table_2": tables.table_2(results.cases)}
    paper = as_the_paper(read_slices(experiment, results.trainings), REFERENCE, head=METHOD)
    shown |= {AS_THE_PAPER: paper} if paper else {}
    untrained = _untrained(experiment, results)
    shown |= details(tables.with_base(results.cases, untrained), head=METHOD)
    rows = _rows_of_models(results)
    third, borders = tables.table_3(results.downstream, rows), tables.borders_of_tissues(results.downstream, rows)
    shown |= {"table_3": third} if third else {}
    shown |= {"table_3_borders": borders} if borders else {}
    others = [entry for entry in results.downstream if entry.job.task != DownstreamTask.TISSUE]
    shown |= {f"downstream_{number}": table for number, table in enumerate(show.tables(others), 1)}
    if len(experiment.seeds) > 1:
        shown["seeds"] = seed_table(results.cases, head=METHOD)
    if not untrained.empty:
        shown["untrained"] = tables.untrained(untrained)
    shown["cost"] = cost(results.trainings)
    return shown


def _rows_of_models(results: Results) -> dict[str, str]:
    """Return label of a model to the row that it is."""
    rows = {training.model: training.row.name for training in results.trainings}
    return {entry.job.model: rows[_model_folder(entry)] for entry in results.downstream}


def _model_folder(entry: FinishedJob) -> Path:
    """Return the model folder of a piece of downstream work, which lies in it."""
    return next(parent for parent in entry.job.folder.parents if (parent / "plans.json").exists())


def _untrained(experiment: Experiment, results: Results) -> pd.DataFrame:
    """Return the cases of what needs no training, from the evaluation of the first training of each direction."""
    parts: list[pd.DataFrame] = []
    known: set[str] = set()
    for training in {training.job.domains: training for training in reversed(results.trainings)}.values():
        table = read_subjects(task_of(experiment, training))
        own = table[is_untrained(table[METHOD]) & ~table[DIRECTION].isin(known)]
        known |= set(own[DIRECTION])
        parts.append(own)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _sheets(experiment: Experiment, results: Results) -> dict[Direction, dict[str, EvaluationTask]]:
    """Return the evaluation of each row by direction, of the first seed."""
    first = [t for t in results.trainings if t.job.seed == experiment.seeds[0]]
    return {
        direction: {t.row.name: task_of(experiment, t) for t in first if direction in directions(t.job.domains)}
        for direction in dict.fromkeys(d for domains in experiment.by_contrasts for d in directions(domains))
    }
