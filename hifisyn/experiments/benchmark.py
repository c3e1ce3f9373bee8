"""A benchmark: many methods on the same pairs of contrasts, with one budget, on the same cases.

One comparison a pair of contrasts. What holds for an ablation holds here: equal plans, splits, slices, seeds, batch,
device and precision are checked before anything is trained, and the same line goes on after an interruption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.experiments import length as budget
from hifisyn.experiments.comparison import Comparison, folder_of, prepare
from hifisyn.experiments.length import Length
from hifisyn.experiments.meter import Meter
from hifisyn.experiments.rows import Row
from hifisyn.experiments.train_all import Log
from hifisyn.experiments.trainings import Training
from hifisyn.paths import plans_file
from hifisyn.plans import Plans
from hifisyn.training.job import Options
from hifisyn.training.logbook import duration
from hifisyn.training.request import Request, look_up


@dataclass(frozen=True)
class Benchmark:
    """What is to be done, looked up; nothing of it is done yet.

    Attributes:
        comparisons: one a pair of contrasts, of the same rows.
        length: what each method gets.
        seconds_a_step: of the methods that were measured; empty where nothing is left to train.
        folder: of tables and pictures.
        failures: methods that are left out.
    """

    comparisons: tuple[Comparison, ...]
    length: Length
    seconds_a_step: dict[str, float]
    folder: Path
    failures: tuple[Failure, ...] = ()

    @property
    def request(self) -> Request:
        """What all trainings share, of the first pair."""
        return self.comparisons[0].request

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of single methods, such as a lack of labels."""
        return tuple(dict.fromkeys(f"{t.row.name}: {remark}" for t in self.trainings for remark in t.remarks))

    @property
    def trainings(self) -> tuple[Training, ...]:
        """All trainings, pair by pair."""
        return tuple(training for comparison in self.comparisons for training in comparison.trainings)


def look_up_benchmark(
    requests: Sequence[Request],
    rows: Sequence[Row],
    seeds: Sequence[int],
    options: Options,
    length: Length,
    *,
    split: str | None = None,
    checkpoint: str = "best",
    at_a_time: int = 1,
    say: Log = print,
    write: bool = True,
) -> Benchmark:
    """Look up every training, hold it against the others, and measure how fast each method is here.

    A method whose first steps fail is left out and listed.

    Args:
        requests: one a pair of contrasts, alike in all else.
        rows: the methods.
        seeds: each method is trained once under each.
        options: how to train.
        length: the budget.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best" or "final", of every method.
        at_a_time: trainings side by side, each of which then has one thread.
        say: takes the lines.
        write: keep the measured speeds where time is the budget, so that a later call asks for the same steps.

    Raises:
        UserError: see `hifisyn.experiments.comparison.prepare`; a training would take days, and not `force_long`; no
            method is left; speeds were measured under other conditions when the benchmark began.
    """
    first = requests[0]
    plans, given = _plans(first, length), first.assignments
    if length.steps is not None:
        own = budget.assignments(length.steps, plans, given)
        requests = [replace(request, assignments=(*request.assignments, *own)) for request in requests]
    folder = _folder(requests, given, length, rows[0])
    meter = Meter(requests[0], options, length, at_a_time, say)
    conditions = meter.conditions(plans)
    speeds = budget.kept(folder, conditions) if length.seconds is not None and not first.overwrite else {}
    failures: list[Failure] = []
    if length.seconds is not None:
        speeds |= meter.measure([row for row in rows if row.method not in speeds], failures)
    lengths = budget.lengths(length, plans, speeds, given)
    settings: dict[str, Any] = {"kind": "benchmark", "split": split, "checkpoint": checkpoint, "lengths": lengths}
    there = [row for row in rows if row.name not in {failure.case for failure in failures}]
    comparisons = [prepare(r, _some(there, failures), tuple(seeds), options, **settings) for r in requests]
    left = {t.row.method for c in comparisons for t in c.trainings if t.steps_left()}
    speeds |= meter.measure([row for row in there if row.method in left - set(speeds)], failures)
    if length.seconds is not None and write:
        budget.keep(folder, speeds, conditions)
    failed = {failure.case for failure in failures}
    comparisons = [replace(c, trainings=tuple(t for t in c.trainings if t.row.name not in failed)) for c in comparisons]
    _some([row for row in there if row.name not in failed], failures)
    return Benchmark(tuple(comparisons), length, speeds, folder, tuple(failures))


def describe(benchmark: Benchmark) -> list[str]:
    """Return lines that say what will be trained, how long it takes, and what is done already."""
    first = benchmark.comparisons[0]
    training, plan = first.trainings[0], first.trainings[0].job.plans.training
    pairs = "; ".join(" and ".join(comparison.pair) for comparison in benchmark.comparisons)
    lines = [
        f"benchmark on {benchmark.request.dataset}: {pairs}, fold {benchmark.request.fold}",
        f"every method: {benchmark.length}, batch {plan.batch_size}, {training.budget['device']} "
        f"{training.budget['precision']}, seeds {' '.join(map(str, first.seeds))}, {len(training.job.train)} training "
        f"cases; compared on the {first.split} cases with the {first.checkpoint} weights",
    ]
    width = max(len(row.name) for row in first.rows)
    for row in first.rows:
        own = [t for t in benchmark.trainings if t.row == row]
        left = sum(t.steps_left() for t in own)
        total = sum(t.job.plans.total_iterations for t in own)
        speed = benchmark.seconds_a_step.get(row.method)
        time = f"about {duration(left * speed)}, {speed:.2g} s a step" if left and speed else "trained"
        lines.append(f"  {row.name:<{width}}  {total - left} of {total} steps done; {time}; {row.words}")
    return [*lines, *(f"  {remark}" for remark in benchmark.remarks)]


def estimate(benchmark: Benchmark, at_a_time: int = 1) -> str:
    """Return the line that says how long all trainings will take, so many at a time."""
    seconds = sum(t.steps_left() * benchmark.seconds_a_step.get(t.row.method, 0.0) for t in benchmark.trainings)
    if not any(t.steps_left() for t in benchmark.trainings):
        return "nothing is left to train"
    side = f", {at_a_time} at a time" if at_a_time > 1 else ""
    return f"about {duration(seconds / at_a_time)} of training{side}, then the evaluation"


def _plans(request: Request, length: Length) -> Plans:
    """Return the plans with what the user changes for all methods.

    Raises:
        UserError: the user sets steps beside a budget.
    """
    made = Plans.load(plans_file(request.roots.preprocessed_dataset(request.dataset), request.plans))
    keys = [text.partition("=")[0].rpartition(".")[2] for text in request.assignments]
    for key in ("epochs", "iterations"):
        if key in keys and length != Length():
            raise UserError(f"--set {key}: wanted one length, found --budget too; leave out one of them")
    return made.override([text for text in request.assignments if not text.startswith("method.")])


def _some(rows: Sequence[Row], failures: Sequence[Failure]) -> tuple[Row, ...]:
    """Return the rows.

    Raises:
        UserError: there are none.
    """
    if not rows:
        raise UserError(
            f"wanted a method that can be trained here, found none; {failures[0].case}: {failures[0].reason}"
        )
    return tuple(rows)


def _folder(requests: Sequence[Request], given: Sequence[str], length: Length, row: Row) -> Path:
    """Return the folder of the tables: named by the pairs, the fold, the budget and what the user changed.

    Raises:
        UserError: two requests are for the same pair.
    """
    pairs = ["_".join(look_up(replace(request, method=row.method))[0].pair) for request in requests]
    if len(set(pairs)) < len(pairs):
        raise UserError(f"--target: wanted every contrast once, found {pairs[0]} twice; name it once")
    request = requests[0]
    made = Plans.load(plans_file(request.roots.preprocessed_dataset(request.dataset), request.plans))
    return folder_of("benchmark", request, pairs, made, given, length.key)
