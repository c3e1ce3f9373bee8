"""The first lines of a training: on what it learns, what the baseline reaches, where learning rates go on."""

from collections.abc import Mapping

from hifisyn.training.chosen_by import describe_choice
from hifisyn.training.job import Job
from hifisyn.training.summary import describe
from hifisyn.training.validation import ValidationSet, source_itself


def describe_job(job: Job) -> list[str]:
    """Return what is trained, and on whom."""
    cohort = job.cohort()
    counts = [f"{len(cases)} with {contrast}" for contrast, cases in cohort.cases.items()] if cohort else []
    subjects = ", ".join(counts) or "none, all batches are simulated"
    lines = [f"{job.plans.method}: {' <-> '.join(job.domains)}, training subjects: {subjects}"]
    shares = {kind: share for kind, share in job.plans.batches.shares.items() if share > 0}
    if len(shares) > 1:
        total = sum(shares.values())
        lines.append("batches: " + ", ".join(f"{kind} {share / total:.0%}" for kind, share in shares.items()))
    if job.plans.average_decay:
        lines.append(f"weights are averaged over steps, decay {job.plans.average_decay:.4g}")
    return lines


def describe_validation(validation: ValidationSet | None) -> list[str]:
    """Return what chooses the best weights, and what the untouched source reaches where that is known."""
    reached = describe(source_itself(validation)) if validation else ""
    return [describe_choice(validation), *([f"the untouched source reaches {reached}"] if reached else [])]


def describe_longer_run(before: int, epochs: int, rates: Mapping[str, float]) -> str:
    """Return where learning rates go on when a run becomes longer.

    >>> describe_longer_run(2, 3, {"generator": 1e-3})
    'planned for 2 epochs before, now for 3; learning rates go on from those of 3: generator 0.001'
    """
    now = ", ".join(f"{group} {rate:.2g}" for group, rate in rates.items())
    return f"planned for {before} epochs before, now for {epochs}; learning rates go on from those of {epochs}: {now}"
