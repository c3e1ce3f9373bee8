"""How long a step of each row takes here, measured before an experiment begins."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.once import ASKED, Once
from hifisyn.errors import UserError
from hifisyn.experiments.kind import Kind
from hifisyn.experiments.length import Length
from hifisyn.experiments.rows import Row
from hifisyn.plans import Plans
from hifisyn.training.checkpoint import plans_hash
from hifisyn.training.duration import check_length, seconds_a_step
from hifisyn.training.job import Job, Options
from hifisyn.training.step import resolve_device, resolve_precision

log = logging.getLogger(__name__)


class Meter:
    """Takes the first steps of each row, on networks that are thrown away.

    Args:
        kind: of experiment.
        options: how the rows will train.
        length: the budget; too long a training is refused where it is not a time.
        at_a_time: trainings side by side, each of which then has one thread.

    Attributes:
        failures: rows whose first steps failed.
    """

    def __init__(self, kind: Kind, options: Options, length: Length, at_a_time: int) -> None:
        self.kind, self.options, self.length, self.at_a_time = kind, options, length, at_a_time
        self.device = resolve_device(options.device)
        self.precision = resolve_precision(options.precision, self.device)
        self.failures: list[Failure] = []

    def conditions(self, plans: Plans) -> dict[str, str]:
        """Return what speeds depend on, but for the machine."""
        return {
            "device": self.device.type,
            "precision": self.precision,
            "trainings at a time": str(self.at_a_time),
            "plans": plans_hash(plans),
        }

    def measure(self, jobs: Mapping[Row, Job]) -> dict[str, float]:
        """Return the seconds of a step by row, given a job of each; a row that fails is added to `failures`.

        Raises:
            UserError: a training takes days, and not `options.force_long`.
        """
        rows = sorted(jobs, key=lambda row: -len(row.parts or ())) if self.kind.alike else list(jobs)
        speeds: dict[str, float] = {}
        with _threads(1 if self.at_a_time > 1 else torch.get_num_threads()):
            for row in rows:
                log.info(f"measuring {row.name}")
                try:
                    seconds = self._seconds(jobs[row])
                except Exception as error:
                    self.failures.append(Failure(row.name, one_line(error)))
                    log.info(f"{row.name} failed: {one_line(error)}")
                    continue
                self._refuse_too_long(row, jobs[row].plans, seconds)
                if self.kind.alike:
                    return {other.name: seconds for other in rows}
                speeds[row.name] = seconds
        return speeds

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
            check_length(plans, seconds, self.device, force_long=self.options.force_long, shorter=self.kind.shorter)
        except UserError as error:
            raise error.at(row.name) from None


def read_speeds(once: Once) -> dict[str, float]:
    """Return the seconds a step that were measured when an experiment began, by row; empty where it has not.

    Args:
        once: the file, and the conditions of now.

    Raises:
        UserError: they were measured under other conditions.
    """
    if not once.file.exists():
        return {}
    for key in once.changed():
        raise UserError(
            f"{once.file}: speeds must be measured with {key} {once.asked.get(key)}",
            got=once.read()[ASKED].get(key),
            hint="go on as the experiment began, or begin it again with --overwrite",
        )
    return dict(once.read()["seconds_a_step"])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
