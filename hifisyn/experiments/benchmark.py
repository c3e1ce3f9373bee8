"""A benchmark: many methods on the same pairs of contrasts, with one budget, on the same cases.

One comparison a pair of contrasts. What holds for an ablation holds here: equal plans, splits, slices, seeds, batch,
device and precision are checked before anything is trained, and the same line goes on after an interruption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.experiments import length as budget
from hifisyn.experiments.comparison import Comparison, prepare
from hifisyn.experiments.length import Length
from hifisyn.experiments.rows import Row
from hifisyn.experiments.train_all import Log
from hifisyn.experiments.trainings import Training
from hifisyn.paths import plans_file
from hifisyn.plans import Plans
from hifisyn.training.duration import check_length, seconds_a_step
from hifisyn.training.job import Options
from hifisyn.training.logbook import duration
from hifisyn.training.request import Request, look_up
from hifisyn.training.step import resolve_device, resolve_precision


@dataclass(frozen=True)
class Benchmark:
    """What is to be done, looked up; nothing of it is done yet.

    Attributes:
        comparisons: one a pair of contrasts, of the same rows.
        length: what each method gets.
        seconds_a_step: of the methods that were measured; empty where nothing is left to train.
        folder: of tables and pictures.
    """

    comparisons: tuple[Comparison, ...]
    length: Length
    seconds_a_step: dict[str, float]
    folder: Path

    @property
    def request(self) -> Request:
        """What all trainings share, of the first pair."""
        return self.comparisons[0].request

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
    say: Log = print,
    write: bool = True,
) -> Benchmark:
    """Look up every training, hold it against the others, and measure how fast each method is here.

    Args:
        requests: one a pair of contrasts, alike in all else.
        rows: the methods.
        seeds: each method is trained once under each.
        options: how to train.
        length: the budget.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best" or "final", of every method.
        say: takes the lines.
        write: keep the measured speeds where time is the budget, so that a later call asks for the same steps.

    Raises:
        UserError: see `hifisyn.experiments.comparison.prepare`; a training would take days, and not `force_long`.
    """
    made = Plans.load(plans_file(requests[0].roots.preprocessed_dataset(requests[0].dataset), requests[0].plans))
    if length.steps is not None:
        longer = budget.assignments(length.steps, made)
        requests = [replace(request, assignments=(*request.assignments, *longer)) for request in requests]
    folder = _folder(requests, length, rows[0])
    speeds = budget.kept(folder) if length.seconds is not None and not requests[0].overwrite else {}
    if length.seconds is not None:
        speeds |= _measured(requests[0], [row for row in rows if row.method not in speeds], options, length, say)
        if write:
            budget.keep(folder, speeds, str(resolve_device(options.device)))
    lengths = budget.lengths(length, made, {row.method: speeds[row.method] for row in rows if row.method in speeds})
    settings = {"kind": "benchmark", "split": split, "checkpoint": checkpoint, "lengths": lengths}
    comparisons = [prepare(r, tuple(rows), tuple(seeds), options, **settings) for r in requests]  # type: ignore[arg-type]
    left = {t.row.method for c in comparisons for t in c.trainings if t.steps_left()}
    missing = [row for row in rows if row.method in left - set(speeds)]
    speeds |= _measured(requests[0], missing, options, length, say)
    return Benchmark(tuple(comparisons), length, speeds, folder)


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
    return lines


def estimate(benchmark: Benchmark, at_a_time: int = 1) -> str:
    """Return the line that says how long all trainings will take, so many at a time."""
    seconds = sum(t.steps_left() * benchmark.seconds_a_step.get(t.row.method, 0.0) for t in benchmark.trainings)
    if not any(t.steps_left() for t in benchmark.trainings):
        return "nothing is left to train"
    side = f", {at_a_time} at a time" if at_a_time > 1 else ""
    return f"about {duration(seconds / at_a_time)} of training{side}, then the evaluation"


def _measured(request: Request, rows: Sequence[Row], options: Options, length: Length, say: Log) -> dict[str, float]:
    """Return the seconds of a step by method, measured on networks that are thrown away.

    Raises:
        UserError: a training takes days, and not `options.force_long`.
    """
    device = resolve_device(options.device)
    precision = resolve_precision(options.precision, device)
    found = {}
    for row in rows:
        job, _ = look_up(replace(request, method=row.method))
        say(f"measuring {row.name}")
        found[row.method] = seconds_a_step(job, job.cohort(), device, precision)
        if length.seconds is None:
            check_length(job.plans, found[row.method], device, force_long=options.force_long)
    return found


def _folder(requests: Sequence[Request], length: Length, row: Row) -> Path:
    """Return the folder of the tables: named by the pairs, the fold and what was changed.

    Raises:
        UserError: two requests are for the same pair.
    """
    pairs = ["_".join(look_up(replace(request, method=row.method))[0].pair) for request in requests]
    if len(set(pairs)) < len(pairs):
        raise UserError(f"--target: wanted every contrast once, found {pairs[0]} twice; name it once")
    request = requests[0]
    name = f"benchmark_{'_and_'.join(pairs)}_fold_{request.fold}"
    name += f"__{request.plans}" * (request.plans != "plans")
    if length.seconds is not None:
        name += f"__seconds={length.seconds:g}"
    elif length.steps is not None:
        name += f"__steps={length.steps}"
    return request.roots.results / request.dataset / name
