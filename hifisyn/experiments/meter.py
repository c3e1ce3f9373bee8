"""How long a step of each method takes here, measured before a benchmark begins."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.errors import UserError
from hifisyn.experiments.length import Length
from hifisyn.experiments.rows import Row
from hifisyn.experiments.train_all import Log
from hifisyn.plans import Plans
from hifisyn.training.checkpoint import plans_hash
from hifisyn.training.duration import check_length, seconds_a_step
from hifisyn.training.job import Job, Options
from hifisyn.training.request import Request, look_up
from hifisyn.training.step import resolve_device, resolve_precision


class Meter:
    """Takes the first steps of each method, on networks that are thrown away.

    Args:
        request: what all methods share.
        options: how they will train.
        length: the budget; too long a training is refused where it is not a time.
        at_a_time: trainings side by side, each of which then has one thread.
        say: takes a line a method.
    """

    def __init__(self, request: Request, options: Options, length: Length, at_a_time: int, say: Log) -> None:
        self.request, self.options, self.length, self.say = request, options, length, say
        self.at_a_time = at_a_time
        self.device = resolve_device(options.device)
        self.precision = resolve_precision(options.precision, self.device)

    def conditions(self, plans: Plans) -> dict[str, str]:
        """Return what speeds depend on, but for the machine."""
        return {
            "device": self.device.type,
            "precision": self.precision,
            "trainings at a time": str(self.at_a_time),
            "plans": plans_hash(plans),
        }

    def measure(self, rows: Sequence[Row], failures: list[Failure]) -> dict[str, float]:
        """Return the seconds of a step by method; a method that fails is added to the failures.

        Raises:
            UserError: a training takes days, and not `options.force_long`.
        """
        found = {}
        threads = torch.get_num_threads()
        if self.at_a_time > 1:
            torch.set_num_threads(1)
        for row in rows:
            self.say(f"measuring {row.name}")
            job, _ = look_up(replace(self.request, method=row.method))
            try:
                found[row.method] = self._seconds(job)
            except Exception as error:
                failures.append(Failure(row.name, one_line(error)))
                self.say(f"{row.name} failed: {one_line(error)}")
                continue
            self._refuse_too_long(row, job.plans, found[row.method])
        torch.set_num_threads(threads)
        return found

    def _seconds(self, job: Job) -> float:
        try:
            return seconds_a_step(job, job.cohort(), self.device, self.precision)
        finally:
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _refuse_too_long(self, row: Row, plans: Plans, seconds: float) -> None:
        if self.length.seconds is not None:
            return
        try:
            check_length(plans, seconds, self.device, force_long=self.options.force_long, shorter="--budget N")
        except UserError as error:
            raise UserError(f"{row.name}: {error}") from None
