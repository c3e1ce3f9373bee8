"""How long a step of each method takes here, measured before a benchmark begins."""

from collections.abc import Mapping

import torch

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.errors import UserError
from hifisyn.experiments.length import Length
from hifisyn.experiments.rows import Row
from hifisyn.experiments.shared import looked_up
from hifisyn.experiments.train_all import Log
from hifisyn.plans import Plans
from hifisyn.training.checkpoint import plans_hash
from hifisyn.training.duration import check_length, seconds_a_step
from hifisyn.training.job import Job, Options
from hifisyn.training.request import Request
from hifisyn.training.step import resolve_device, resolve_precision


class Meter:
    """Takes the first steps of each method, on networks that are thrown away.

    Args:
        options: how they will train.
        length: the budget; too long a training is refused where it is not a time.
        at_a_time: trainings side by side, each of which then has one thread.
        say: takes a line a method.
    """

    def __init__(self, options: Options, length: Length, at_a_time: int, say: Log) -> None:
        self.options, self.length, self.say = options, length, say
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

    def measure(self, wanted: Mapping[Row, Request], failures: list[Failure]) -> dict[str, float]:
        """Return the seconds of a step by row; a row that fails is added to the failures.

        Args:
            wanted: row to the request of a training of it.
            failures: take what fails.

        Raises:
            UserError: a training takes days, and not `options.force_long`.
        """
        found = {}
        threads = torch.get_num_threads()
        if self.at_a_time > 1:
            torch.set_num_threads(1)
        for row, request in wanted.items():
            self.say(f"measuring {row.name}")
            job, _ = looked_up(row, request)
            try:
                found[row.name] = self._seconds(job)
            except Exception as error:
                failures.append(Failure(row.name, one_line(error)))
                self.say(f"{row.name} failed: {one_line(error)}")
                continue
            self._refuse_too_long(row, job.plans, found[row.name])
        torch.set_num_threads(threads)
        return found

    def _seconds(self, job: Job) -> float:
        try:
            return seconds_a_step(job, self.device, self.precision)
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


def period(row: Row, request: Request) -> int:
    """Return the steps after which the kinds of steps of a row's method repeat, as `Trainer.period` says."""
    return looked_up(row, request)[0].new_trainer(torch.device("cpu")).period
