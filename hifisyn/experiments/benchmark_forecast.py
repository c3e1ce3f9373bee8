"""What a benchmark will do and how long it takes, told before it starts."""

from hifisyn.engine.progress import duration
from hifisyn.experiments.benchmark import Benchmark


def describe(benchmark: Benchmark) -> list[str]:
    """Return lines that say what will be trained, how long it takes, and what is done already."""
    first = benchmark.comparisons[0]
    training = first.trainings[0]
    batch = training.job.plans.optimisation.batch_size
    contrasts = "; ".join(" and ".join(comparison.domains) for comparison in benchmark.comparisons)
    lines = [
        f"benchmark on {benchmark.request.dataset}: {contrasts}, fold {benchmark.request.fold}",
        f"every method: {benchmark.length}, batch {batch}, {training.budget['device']} "
        f"{training.budget['precision']}, seeds {' '.join(map(str, first.seeds))}, {len(training.job.train)} training "
        f"cases; compared on the {first.split} cases with the {first.checkpoint} weights",
    ]
    width = max(len(row.name) for row in benchmark.rows)
    for row in benchmark.rows:
        own = [t for t in benchmark.trainings if t.row == row]
        left = sum(t.steps_left() for t in own)
        total = sum(t.job.plans.length.total for t in own)
        speed = benchmark.seconds_a_step.get(row.name)
        time = f"about {duration(left * speed)}, {speed:.2g} s a step" if left and speed else "trained"
        lines.append(f"  {row.name:<{width}}  {total - left} of {total} steps done; {time}; {row.words}")
    return [*lines, *(f"  {remark}" for remark in benchmark.remarks)]


def estimate(benchmark: Benchmark, at_a_time: int = 1) -> str:
    """Return the line that says how long all trainings will take, so many at a time."""
    seconds = sum(t.steps_left() * benchmark.seconds_a_step.get(t.row.name, 0.0) for t in benchmark.trainings)
    if not any(t.steps_left() for t in benchmark.trainings):
        return "nothing is left to train"
    side = f", {at_a_time} at a time" if at_a_time > 1 else ""
    return f"about {duration(seconds / at_a_time)} of training{side}, then the evaluation"
