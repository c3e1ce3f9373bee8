"""How long a training will take here, estimated before it starts."""

import time

import torch

from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.job import Job
from hifisyn.training.step import Precision, take_step

WORTH_MEASURING = 50
ENOUGH_SECONDS = 5.0
PERIODS = 4
LONGEST_HOURS = {"cpu": 12.0}
LONGEST_HOURS_ELSE = 72.0


def seconds_a_step(job: Job, device: torch.device, precision: Precision) -> float:
    """Measure the first steps of the job on networks that are thrown away afterwards.

    Steps differ where a method has a `period`. So whole periods are measured; the
    first, slower than the rest, counts only if it took so long that there is no second. They are those of the middle
    of the run, since a method may begin with other ones.
    """
    trainer = job.new_trainer(device).train()
    optimizers = trainer.optimizers()
    period = trainer.period
    middle = job.plans.length.total // 2 // period * period
    batches = Batches(BatchLoader(job.source(), start=middle))
    spent: list[float] = []
    begun = time.monotonic()
    while len(spent) < PERIODS and time.monotonic() - begun < ENOUGH_SECONDS:
        start = time.monotonic()
        for _ in range(period):
            take_step(trainer, optimizers, next(batches), seed=job.seed, precision=precision)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent.append((time.monotonic() - start) / period)
    counted = spent[1:] or spent
    return sum(counted) / len(counted)


def check_length(
    plans: Plans, seconds: float, device: torch.device, *, force_long: bool = False, shorter: str = "--epochs N"
) -> str:
    """Return the line that says how long the run will take.

    Args:
        plans: of the run.
        seconds: of a step.
        device: that it runs on.
        force_long: let it be as long as it is.
        shorter: the flag that makes it shorter.

    Raises:
        UserError: more than 12 h on a CPU or 3 days on a GPU, and not `force_long`.
    """
    whole = seconds * plans.length.total
    longest = LONGEST_HOURS.get(device.type, LONGEST_HOURS_ELSE)
    text = f"about {duration(whole)} on {device} ({seconds:.2g} s a step, {plans.length.total} steps)"
    if whole > longest * 3600 and not force_long:
        kind = "cpu" if device.type == "cpu" else "cuda"
        minutes = 240 if kind == "cpu" else 1440
        raise UserError(
            f"a training must take at most {longest:g} h",
            got=text,
            hint="make a smaller plan with "
            f"hifisyn_plan_and_preprocess -d {plans.dataset} --device {kind} --minutes {minutes} -p small "
            f"and train with -p small, or pass {shorter}, or --force-long to train all the same",
        )
    return f"the training will take {text}"
