"""What an ablation will do and how long it takes, told before it starts."""

from hifisyn.engine.progress import duration
from hifisyn.evaluation.model_task import TEST
from hifisyn.experiments import trainings
from hifisyn.experiments.comparison import Comparison
from hifisyn.training.duration import check_length, seconds_a_step
from hifisyn.training.job import Options
from hifisyn.training.step import resolve_device, resolve_precision


def describe(ablation: Comparison) -> list[str]:
    """Return lines that say what will be trained and what is done already, row by row."""
    first = ablation.trainings[0]
    budget, plans = first.budget, first.job.plans
    lines = [
        f"ablation on {ablation.request.dataset}, {' and '.join(ablation.domains)}, fold {ablation.request.fold}",
        f"every row: {plans.length.epochs} epochs of {plans.length.iterations} steps, batch "
        f"{plans.optimisation.batch_size}, {budget['device']} {budget['precision']}, "
        f"seeds {' '.join(map(str, ablation.seeds))}, {len(first.job.train)} training cases; "
        f"compared on the {ablation.split} cases with the {ablation.checkpoint} weights",
    ]
    if ablation.split != TEST:
        lines.append("validation cases chose the best weights: their numbers flatter, alike for every row")
    width = max(len(row.name) for row in (*ablation.rows, *ablation.missing))
    for row in ablation.rows:
        own = [t for t in ablation.trainings if t.row == row]
        states = ", ".join(f"seed {t.job.seed} {trainings.LEFT[t.state]}" for t in own)
        lines.append(f"  {row.name:<{width}}  {states}; {row.words} ({' '.join(row.assignments) or 'the plans as is'})")
    lines += [f"  {row.name:<{width}}  left out: needs the method {row.method}" for row in ablation.missing]
    return lines


def measure(ablation: Comparison, options: Options) -> float:
    """Return the seconds of one step of the row with the most parts, measured; 0 where nothing is to be trained.

    Raises:
        UserError: one training takes days, and not `options.force_long`.
    """
    left = [t for t in ablation.trainings if t.steps_left()]
    if not left:
        return 0.0
    largest = max(left, key=lambda t: len(t.row.parts or ())).job
    device = resolve_device(options.device)
    seconds = seconds_a_step(largest, device, resolve_precision(options.precision, device))
    check_length(largest.plans, seconds, device, force_long=options.force_long)
    return seconds


def estimate(ablation: Comparison, seconds: float) -> str:
    """Return the line that says how long all trainings will take."""
    steps = sum(t.steps_left() for t in ablation.trainings)
    if not steps:
        return "nothing is left to train"
    return f"about {duration(seconds * steps)} of training ({seconds:.2g} s a step, {steps} steps), then the evaluation"
