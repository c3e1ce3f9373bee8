"""What an experiment will do and how long it takes, before it starts."""

from hifisyn.engine.progress import duration
from hifisyn.evaluation.model_task import TEST
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.rows import Row

OPTIMISTIC = "Validation cases chose the best weights, so their numbers flatter, in the same way for every row"


def describe(experiment: Experiment) -> list[str]:
    """Return lines that say what will be trained, what is done already, and how long the rest takes."""
    width = max(len(name) for name in (*(r.name for r in experiment.rows), *(f.case for f in experiment.left_out)))
    return [
        *in_common(experiment),
        *(f"  {row.name:<{width}}  {_row(experiment, row)}" for row in experiment.rows),
        *(f"  {failure.case:<{width}}  left out: {failure.reason}" for failure in experiment.left_out),
        _estimate(experiment),
    ]


def in_common(experiment: Experiment) -> list[str]:
    """Return what all rows have in common, and what a reader should know of single rows."""
    first, request = experiment.trainings[0], experiment.request
    slices, budget = first.job.plans.slices, first.budget
    return [
        f"{experiment.kind.name} on {request.dataset}: {experiment.contrasts}, fold {request.fold}",
        f"every {experiment.kind.noun}: {experiment.length.in_words(first.job.plans)}, batch {budget.batch_size}, "
        f"{budget.device}, {budget.precision}, seeds {' '.join(map(str, experiment.seeds))}, {len(first.job.train)} "
        f"training cases, images of {slices.crop}x{slices.crop} pixels of {slices.pixel_mm:g} mm with intensities in "
        f"[-1, 1], {_widths(experiment)}; compared on the {experiment.split} cases with the {experiment.checkpoint} "
        "weights",
        *experiment.remarks,
        *([OPTIMISTIC] if experiment.split != TEST else []),
    ]


def _row(experiment: Experiment, row: Row) -> str:
    own = [t for t in experiment.trainings if t.row == row]
    left, total = sum(t.steps_left() for t in own), sum(t.steps for t in own)
    speed = experiment.seconds_a_step.get(row.name)
    time = f"about {duration(left * speed)}, {speed:.2g} s a step" if left and speed else "trained"
    changes = f" ({' '.join(row.assignments)})" if row.assignments else ""
    return f"{total - left} of {total} steps done; {time}; {row.summary}{changes}"


def _estimate(experiment: Experiment) -> str:
    steps = sum(t.steps_left() for t in experiment.trainings)
    if not steps:
        return "nothing is left to train"
    seconds = sum(t.steps_left() * experiment.seconds_a_step.get(t.row.name, 0.0) for t in experiment.trainings)
    side = f", {experiment.at_a_time} at a time" if experiment.at_a_time > 1 else ""
    return f"about {duration(seconds / experiment.at_a_time)} of training ({steps} steps{side}), then the evaluation"


def _widths(experiment: Experiment) -> str:
    """Return the channels in the first layer, which each method plans for itself."""
    own = {t.row.name: t.job.plans.settings.get("networks", {}).get("width") for t in experiment.trainings}
    widths = {row: width for row, width in own.items() if width is not None}
    if len(set(widths.values())) <= 1:
        return f"{next(iter(widths.values()), 'own')} channels in the first layer (64 as published)"
    return f"channels in the first layer (64 as published): {', '.join(f'{row} {n}' for row, n in widths.items())}"
