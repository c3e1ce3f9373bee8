"""Limits of the results, derived from the facts."""

from collections.abc import Iterator

from hifisyn.columns import CASE, MODEL
from hifisyn.downstream.tasks import DownstreamTask
from hifisyn.report.collect import Facts
from hifisyn.report.words import counted, listed

FEW_SUBJECTS, SHORT_STEPS = 10, 20_000
PUBLISHED_WIDTH = 64


def limits(facts: Facts) -> list[str]:
    """Return a sentence or two for each limit."""
    return [*_of_data(facts), *_of_training(facts), *_of_evaluation(facts), *_always()]


def _of_data(facts: Facts) -> Iterator[str]:
    data = facts.data
    if data.splits is not None and not data.splits.test:
        yield "No subjects were held out, so no number here is independent of choices made on these data."
    if not facts.evaluated.empty and facts.split == "val":
        yield "The numbers are of validation subjects, which also chose the checkpoint, so they are optimistic."
    if data.dataset is not None and not data.dataset.lesions:
        yield "No lesions are labelled, so it is unknown how well they are preserved."
    if facts.trainings and all(training.fold == "all" for training in facts.trainings):
        yield "Models were trained on all folds; the validation subjects were among the training subjects."


def _of_training(facts: Facts) -> Iterator[str]:
    short: dict[int, list[str]] = {}
    for training in facts.trainings:
        planned, steps = training.plans.length.epochs, training.epochs * training.plans.length.iterations
        if training.epochs < planned:
            yield f"{training.title} was evaluated after {training.epochs} of {counted(planned, 'planned epoch')}."
        if 0 < steps < SHORT_STEPS:
            short.setdefault(steps, []).append(training.title)
    for steps, names in short.items():
        were = "was" if len(names) == 1 else "were"
        yield f"{listed(names)} {were} trained for {steps:,} steps only, far fewer than a full run."
    narrow: dict[tuple[int, float], list[str]] = {}
    for training in facts.trainings:
        width, pixel = training.plans.width, training.plans.slices.pixel_mm
        if width is not None and width < PUBLISHED_WIDTH:
            narrow.setdefault((width, pixel), []).append(training.label)
    for (width, pixel), labels in narrow.items():
        yield (
            f"{listed(list(dict.fromkeys(labels)))}: {width} channels where the papers have {PUBLISHED_WIDTH}, and "
            f"pixels of {pixel:g} mm, so the numbers are not comparable with those of the published size."
        )
    seeds = {training.config.get("seed") for training in facts.trainings}
    if len(seeds) == 1:
        yield "Every model was trained with one seed; how much the seed matters was not measured."


def _of_evaluation(facts: Facts) -> Iterator[str]:
    table = facts.evaluated
    if table.empty:
        yield "No model was evaluated on these subjects."
        return
    subjects = facts.data.subjects(sorted(set(table[CASE])))
    if subjects < FEW_SUBJECTS:
        tests = " Where a test cannot reach significance, the tables say so." if table[MODEL].nunique() > 1 else ""
        yield f"There are {counted(subjects, 'subject')} only: means are uncertain.{tests}"
    if not any(facts.downstream_of(task) for task in DownstreamTask):
        yield "No downstream task was run: how useful synthetic scans are for segmentation is unknown."
    else:
        left = [task for task in DownstreamTask if not facts.downstream_of(task)]
        if left:
            yield f"Of the downstream tasks, {listed(left)} {'was' if len(left) == 1 else 'were'} not run."
    for entry in facts.downstream:
        if remark := entry.settings.get("remark"):
            yield f"{entry.task}, {entry.label}, {entry.direction}: {remark}."
    failed = sorted({case for training in facts.trainings for case in training.evaluation.get("failures") or {}})
    if failed:
        yield f"Not compared, for the reasons given above: {', '.join(failed)}."
    yield from _left_out(facts)
    if not facts.ablations:
        yield "No ablation was run: which parts of the method help is unknown on these data."


def _left_out(facts: Facts) -> Iterator[str]:
    """Return cases left out for models of two contrasts, and in some directions for models of more."""
    reasons = {False: "Left out, since a contrast is missing", True: "Left out where a contrast is missing"}
    for several, reason in reasons.items():
        alike = [one.settings for one in facts.trainings if (len(one.model.domains) > 2) == several]
        if skipped := sorted({case for settings in alike for case in settings.get("skipped") or ()}):
            yield f"{reason}: {', '.join(skipped)}."
    left_out = dict.fromkeys(direction for one in facts.trainings for direction in one.settings.get("left_out") or ())
    if left_out:
        yield f"Not compared, since no case has both contrasts: {', '.join(left_out)}."


def _always() -> list[str]:
    return [
        "Image quality is measured on registered scans: remaining misregistration counts as error.",
        "Slices are translated one by one; agreement between neighbouring slices is not measured.",
        "For research. A synthetic contrast can lack or invent a lesion; it is not for diagnosis.",
    ]
