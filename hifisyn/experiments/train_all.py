"""All trainings of an experiment, in this process or side by side; a failure is isolated to its own training."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from hifisyn.engine.jobs import Executor, Failure, NamedArguments, in_this_process, one_line
from hifisyn.engine.progress import duration
from hifisyn.experiments.trainings import State, Training, run
from hifisyn.metrics.image import finite_mean
from hifisyn.training.job import Options
from hifisyn.training.request import write_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """The results of the trainings.

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
    queue = _Queue(trainings, options, devices, ends_at_signal=executor is None)
    done = in_this_process(_train, queue.jobs(done=True))
    for name, signal, error in chain(done, (executor or in_this_process)(_train, queue.jobs(done=False))):
        queue.settle(name, signal, error)
    return queue.trained()


class _Queue:
    """The trainings by name: those to come, who has which device, and what came of those before."""

    def __init__(
        self, trainings: Sequence[Training], options: Options, devices: Sequence[str], *, ends_at_signal: bool
    ) -> None:
        several = len({training.job.domains for training in trainings}) > 1
        self.trainings = {f"{' and '.join(t.job.domains)}: {t}" if several else str(t): t for t in trainings}
        self.options, self.devices, self.ends_at_signal = options, devices, ends_at_signal
        self.places, self.pace = _Places(devices or [options.device], shared=not devices), _Pace(trainings)
        self.done: set[str] = set()
        self.failures: list[Failure] = []
        self.stopped = 0

    def jobs(self, *, done: bool) -> Iterator[NamedArguments]:
        """Yield the trainings that reached their end before, or the others, each when there is a device for it."""
        for number, (name, training) in enumerate(self.trainings.items(), 1):
            if (training.state == State.DONE) != done:
                continue
            if self.stopped and self.ends_at_signal:
                return
            device = self.places.take(name)
            at = f", on {device}" if self.devices else ""
            log.info(f"training {number} of {len(self.trainings)}: {name}, {training.state}{at}")
            # The length was checked before.
            yield name, (name, training, replace(self.options, device=device, force_long=True))

    def settle(self, name: str, signal: int | None, error: BaseException | None) -> None:
        """Take what came of a training."""
        self.places.give_back(name)
        training = self.trainings[name]
        if error is not None or signal:
            self.failures.append(Failure(name, "stopped, saved" if error is None else one_line(error)))
            log.info(f"{name} failed: {self.failures[-1].reason}")
            self.pace.drop(training)
            self.stopped = self.stopped or int(signal or 0)
            return
        self.done.add(name)
        self.pace.finish(training)
        if training.state != State.DONE:
            log.info(f"{name} is trained; {self.pace.left(max(len(self.devices), 1))} left for the others")

    def trained(self) -> Trained:
        """Return what came of all of them, in their order."""
        done = tuple(training for name, training in self.trainings.items() if name in self.done)
        return Trained(done, tuple(self.failures), self.stopped)


class _Pace:
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

    def left(self, at_a_time: int) -> str:
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


def _train(name: str, training: Training, options: Options) -> int:
    # A process that was killed may have left a checkpoint behind.
    return run(training.refreshed(), replace(options, name=name))
