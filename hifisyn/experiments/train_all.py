"""All trainings of an experiment, in this process or side by side; a failure is isolated to its own training."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from hifisyn.engine.jobs import Executor, Failure, Job, in_this_process, one_line
from hifisyn.engine.progress import duration
from hifisyn.experiments.trainings import State, Training, run
from hifisyn.metrics.image import finite_mean
from hifisyn.training.job import Options
from hifisyn.training.request import write_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What the trainings came to.

    Attributes:
        done: those that reached their end.
        failures: those that did not, by "row, seed".
        stopped: number of the signal that ended one, or 0.
    """

    done: tuple[Training, ...]
    failures: tuple[Failure, ...]
    stopped: int = 0


def train_all(
    trainings: Sequence[Training],
    options: Options,
    executor: Executor | None = None,
    devices: Sequence[str] = (),
    *,
    overwrite: bool = False,
) -> Trained:
    """Train what remains; an interruption loses nothing that was done.

    Args:
        trainings: to do.
        options: how.
        executor: runs as many at a time as there are devices; none: one after the other in this process, and a signal
            that stops one ends all.
        devices: one is taken by each training while it runs; none: all take that of the options.
        overwrite: train all from scratch.
    """
    if overwrite:
        for training in trainings:  # all at once, so that going on after an interruption finds no old training
            write_folder(training.request, training.job, options)
    by_name = _by_name(trainings)
    places, pace = _Places(devices or [options.device], shared=not devices), Pace(trainings)
    done: dict[str, Training] = {}
    failures: list[Failure] = []
    stopped = 0

    def jobs(*, of_done: bool) -> Iterator[Job]:
        for number, (name, training) in enumerate(by_name.items(), 1):
            if (training.state == State.DONE) != of_done:
                continue
            if stopped and executor is None:
                return
            device = places.take(name)
            log.info(f"training {number} of {len(by_name)}: {name}, {training.state}{f', on {device}' * bool(devices)}")
            # The length was checked before.
            yield name, (name, training, replace(options, device=device, force_long=True))

    outcomes = chain(
        in_this_process(_train, jobs(of_done=True)), (executor or in_this_process)(_train, jobs(of_done=False))
    )
    for name, signal, error in outcomes:
        places.give_back(name)
        if error is not None or signal:
            failures.append(Failure(name, "stopped, saved" if error is None else one_line(error)))
            log.info(f"{name} failed: {failures[-1].reason}")
            pace.drop(by_name[name])
            stopped = stopped or int(signal or 0)
            continue
        done[name] = by_name[name]
        pace.finish(by_name[name])
        if by_name[name].state != State.DONE:
            log.info(f"{name} is trained; {pace.left(max(len(devices), 1))} left for the others")
    return Trained(tuple(done[name] for name in by_name if name in done), tuple(failures), stopped)


class Pace:
    """How long the trainings to come will take, by those before them."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.steps = {id(training): training.steps_left() for training in trainings}
        self.seconds_a_step: list[float] = []

    def finish(self, training: Training) -> None:
        """Count a training that reached its end."""
        if self.steps.pop(id(training)):
            self.seconds_a_step.append(training.seconds() / training.steps)

    def drop(self, training: Training) -> None:
        """Expect nothing more of a training."""
        del self.steps[id(training)]

    def left(self, at_a_time: int = 1) -> str:
        """Return how long the others will take, in words; so many go on at a time."""
        return duration(finite_mean(np.array(self.seconds_a_step)) * sum(self.steps.values()) / at_a_time)


class _Places:
    """Who has which device. Where all are taken by trainings that a killed process left behind, one is shared."""

    def __init__(self, devices: Sequence[str], *, shared: bool) -> None:
        self._devices, self._shared = devices, shared
        self._free = list(range(len(devices)))
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        place = self._free.pop(0) if self._free and not self._shared else len(self._taken) % len(self._devices)
        self._taken[name] = place
        return self._devices[place]

    def give_back(self, name: str) -> None:
        place = self._taken.pop(name)
        if not self._shared and place not in self._free:
            self._free.append(place)


def _by_name(trainings: Sequence[Training]) -> dict[str, Training]:
    """Return the trainings by name; with their contrasts in front, where these differ."""
    several = len({training.job.domains for training in trainings}) > 1
    return {f"{' and '.join(t.job.domains)}: {t}" if several else str(t): t for t in trainings}


def _train(name: str, training: Training, options: Options) -> int:
    _log_to_stdout()
    # A process that was killed may have left a checkpoint behind.
    return run(training.refreshed(), replace(options, name=name))


def _log_to_stdout() -> None:
    """Write what a spawned process logs, which inherits no handler."""
    logger = logging.getLogger("hifisyn")
    if not logger.handlers:
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.StreamHandler(sys.stdout))
