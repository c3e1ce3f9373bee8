"""What a benchmark leaves: tables as Markdown and CSV, sheets of all methods side by side, and a record as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import pandas as pd
import torch

from hifisyn.directions import directions
from hifisyn.downstream import show
from hifisyn.downstream.run import FinishedJob
from hifisyn.engine.jobs import Failure, one_line
from hifisyn.evaluation.against_baselines import DIRECTION, METHOD
from hifisyn.evaluation.baselines import BASELINE_NAMES
from hifisyn.evaluation.model_task import SUBJECTS_CSV, TEST, EvaluationTask, look_up
from hifisyn.evaluation.output_files import PACKAGES, write_table
from hifisyn.experiments import benchmark_tables as tables
from hifisyn.experiments import dots
from hifisyn.experiments.benchmark import Benchmark
from hifisyn.experiments.compared import read_subjects
from hifisyn.experiments.groups import PAIRWISE
from hifisyn.experiments.methods import REFERENCE
from hifisyn.experiments.tables import MEANING, ROW, seed_table
from hifisyn.experiments.train_all import Log
from hifisyn.experiments.trainings import Training
from hifisyn.figures.draw_comparisons import draw_comparisons
from hifisyn.files import write_json, write_text
from hifisyn.statistics.units import by_subject
from hifisyn.tables.table import Table
from hifisyn.training.checkpoint import versions

TRAINED_ONCE = (
    "Each method was trained once, so how far two trainings of one method lie apart is not known, and small "
    "differences may be noise; --seeds 0 1 2 tells."
)
FLATTER = "Validation cases chose the best weights, so their numbers flatter, alike for every method."
MEANING_OF_PAIRWISE = (
    "A row named pairwise is one training for each pair of the contrasts; these divide the budget that the row of all "
    "contrasts has for its one training."
)
BENCHMARK_JSON, BENCHMARK_MD, DOTS_PNG = "benchmark.json", "benchmark.md", "benchmark.png"


@dataclass(frozen=True)
class BenchmarkOutcome:
    """What came of a benchmark.

    Attributes:
        done: the trainings that were compared.
        cases: one row a method, seed, task and case.
        downstream: what was done with the synthetic scans.
        failures: what did not come into the tables.
        remarks: downstream work that these data do not allow.
    """

    done: Sequence[Training]
    cases: pd.DataFrame
    downstream: Sequence[FinishedJob]
    failures: Sequence[Failure]
    remarks: Sequence[str] = ()


def write_results(benchmark: Benchmark, outcome: BenchmarkOutcome, say: Log) -> str:
    """Write all tables and pictures into the folder of the benchmark; return the tables for a terminal."""
    if outcome.cases.empty:
        return ""
    folder = benchmark.folder
    found = _tables(benchmark, outcome)
    write_table(folder / SUBJECTS_CSV, outcome.cases)
    for name, table in found.items():
        write_text(folder / f"{name}.csv", table.csv())
    failed = [f"- {failure.case}: {failure.reason}\n" for failure in outcome.failures]
    left_out = ["Left out:\n", *failed] if failed else []
    pages = [table.markdown() for table in found.values()]
    write_text(folder / BENCHMARK_MD, "\n".join([*_head(benchmark, outcome), *pages, *left_out]))
    title = f"{benchmark.request.dataset}, {benchmark.comparisons[0].split} cases"
    dots.draw(folder / DOTS_PNG, outcome.cases, title, reference=REFERENCE)
    write_json(folder / BENCHMARK_JSON, _record(benchmark, outcome))
    _draw_sheets(benchmark, outcome, say)
    return "\n".join(table.text() for table in found.values())


def _tables(benchmark: Benchmark, outcome: BenchmarkOutcome) -> dict[str, Table]:
    """Return the tables by the name of their files."""
    found = {"table_1": tables.table_1(outcome.cases), "table_2": tables.table_2(outcome.cases)}
    third = tables.table_3(outcome.downstream, _names(outcome))
    if third is not None:
        found["table_3"] = third
    others = [entry for entry in outcome.downstream if entry.job.task != "tissue"]
    found |= {f"downstream_{number}": table for number, table in enumerate(show.tables(others), 1)}
    if len(benchmark.comparisons[0].seeds) > 1:
        spread = seed_table(outcome.cases)
        found["seeds"] = replace(spread, head=("method", *spread.head[1:]))
    baselines = _baselines(benchmark, outcome)
    if not baselines.empty:
        found["untrained"] = tables.untrained(baselines)
    found["cost"] = tables.cost(outcome.done, parameters(outcome.done))
    return found


def compared(done: Sequence[Training], cases: pd.DataFrame) -> list[Training]:
    """Return the trainings that came into the table of cases, of those that reached their end."""
    there = set() if cases.empty else set(zip(cases[ROW], cases[DIRECTION], strict=True))
    return [t for t in done if any((t.row.name, str(d)) in there for d in directions(t.job.domains))]


def parameters(trainings: Sequence[Training]) -> dict[str, int]:
    """Return how many parameters the networks of each row have, all that a training holds."""
    first = {training.row.name: training.job for training in reversed(trainings)}
    return {
        row: sum(p.numel() for p in job.new_trainer(torch.device("cpu")).networks.parameters())
        for row, job in first.items()
    }


def _names(outcome: BenchmarkOutcome) -> dict[str, str]:
    """Return label of a model to the row that it is."""
    rows = {training.model: training.row.name for training in outcome.done}
    return {entry.job.model: rows[_model_folder(entry)] for entry in outcome.downstream}


def _model_folder(entry: FinishedJob) -> Any:
    """Return the model folder of a piece of downstream work, which lies in it."""
    return next(parent for parent in entry.job.folder.parents if (parent / "plans.json").exists())


def _baselines(benchmark: Benchmark, outcome: BenchmarkOutcome) -> pd.DataFrame:
    """Return the cases of what needs no training, from the evaluation of the first training of each direction."""
    parts: list[pd.DataFrame] = []
    known: set[str] = set()
    for training in {training.job.domains: training for training in reversed(outcome.done)}.values():
        table = read_subjects(_task(benchmark, training))
        own = table[table[METHOD].isin(BASELINE_NAMES) & ~table[DIRECTION].isin(known)]
        known |= set(own[DIRECTION])
        parts.append(own)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _task(benchmark: Benchmark, training: Training) -> EvaluationTask:
    request, comparison = benchmark.request, benchmark.comparisons[0]
    return look_up(
        training.model,
        request.roots.preprocessed,
        split=comparison.split,
        fold=request.fold,
        checkpoint=comparison.checkpoint,
    )


def _draw_sheets(benchmark: Benchmark, outcome: BenchmarkOutcome, say: Log) -> None:
    """Draw the same slices by every row, direction by direction, with the first seed; what cannot be drawn is told."""
    first = [t for t in outcome.done if t.job.seed == benchmark.comparisons[0].seeds[0]]
    for direction in dict.fromkeys(d for c in benchmark.comparisons for d in directions(c.domains)):
        try:
            own = [training for training in first if direction in directions(training.job.domains)]
            draw_comparisons(benchmark.folder, {t.row.name: _task(benchmark, t) for t in own}, direction, say)
        except Exception as error:
            say(f"sheet of {direction}: left out: {one_line(error)}")


def _head(benchmark: Benchmark, outcome: BenchmarkOutcome) -> list[str]:
    """Return what all methods share, as paragraphs."""
    comparison = benchmark.comparisons[0]
    job, budget = comparison.trainings[0].job, comparison.trainings[0].budget
    seeds = ", ".join(map(str, comparison.seeds))
    subjects = by_subject(outcome.cases, "psnr", method="row").shape[0]
    lines = [
        f"# Benchmark on {benchmark.request.dataset}, fold {benchmark.request.fold}\n",
        f"Every method was trained on the same {len(job.train)} cases with the same budget: {benchmark.length}, batch "
        f"{job.plans.optimisation.batch_size}, {budget['device']}, {budget['precision']}, images of "
        f"{job.plans.slices.crop}x{job.plans.slices.crop} pixels of {job.plans.slices.pixel_mm:g} mm, "
        f"{_widths(benchmark)}, seeds {seeds}. It is compared on "
        f"the {comparison.split} cases ({subjects} subjects) with its {comparison.checkpoint} weights.\n",
        f"{MEANING} {TRAINED_ONCE if len(comparison.seeds) == 1 else ''}\n",
        *([f"{MEANING_OF_PAIRWISE}\n"] if any(row.key.endswith(PAIRWISE) for row in benchmark.rows) else []),
        *(f"{remark}.\n" for remark in (*benchmark.remarks, *outcome.remarks)),
    ]
    return lines if comparison.split == TEST else [*lines, f"{FLATTER}\n"]


def _widths(benchmark: Benchmark) -> str:
    """Return the channels in the first layer, which each method plans for itself."""
    found = {t.row.name: t.job.plans.settings.get("networks", {}).get("width") for t in benchmark.trainings}
    own = {row: width for row, width in found.items() if width is not None}
    if len(set(own.values())) <= 1:
        return f"{next(iter(own.values()), 'own')} channels in the first layer (64 as published)"
    return f"channels in the first layer (64 as published): {', '.join(f'{row} {n}' for row, n in own.items())}"


def _record(benchmark: Benchmark, outcome: BenchmarkOutcome) -> dict[str, Any]:
    """Return what was done, as plain data."""
    comparison = benchmark.comparisons[0]
    trainings = [
        {
            "method": training.row.name,
            "domains": list(training.job.domains),
            "seed": training.job.seed,
            "model": training.model.name,
            "steps": training.job.plans.length.total,
            "seconds": round(training.seconds(), 1),
            "budget": training.budget,
        }
        for training in outcome.done
    ]
    return {
        "dataset": benchmark.request.dataset,
        "tasks": list(dict.fromkeys(outcome.cases[DIRECTION])),
        "fold": benchmark.request.fold,
        "plans": benchmark.request.plans,
        "command": benchmark.request.command,
        "budget": str(benchmark.length),
        "compared": {"split": comparison.split, "checkpoint": comparison.checkpoint},
        "trainings": trainings,
        "failures": {failure.case: failure.reason for failure in outcome.failures},
        "versions": {name: version(name) for name in PACKAGES} | versions(),
    }
