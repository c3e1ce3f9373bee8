"""The trainings of a comparison side by side: one on each device of this machine, or on the workers of a cluster."""

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hifisyn.engine.jobs import Executor, Failure, Job, one_line
from hifisyn.experiments.train_all import Trained, named
from hifisyn.experiments.trainings import LEFT, Pace, Training, as_it_lies, run
from hifisyn.training.job import Options
from hifisyn.training.request import write_folder

log = logging.getLogger(__name__)


def train_side_by_side(
    trainings: Sequence[Training],
    options: Options,
    executor: Executor,
    devices: Sequence[str] = (),
    *,
    overwrite: bool = False,
) -> Trained:
    """Train what remains, each in a process of its own; a training that fails costs no other.

    Args:
        trainings: what to do.
        options: how.
        executor: runs at most as many jobs at a time as there are devices.
        devices: one is taken by each training while it runs; none: all take that of the options.
        overwrite: begin all anew.
    """
    if overwrite:
        for training in trainings:  # all at once: going on after an interruption must find no old training
            write_folder(training.request, training.job, options)
    by_name = named(trainings)
    places = _Places(devices or [options.device], shared=not devices)
    pace = Pace(trainings)

    def jobs() -> Iterator[Job]:
        for name, training in by_name.items():
            if training.state != "done":
                device = places.take(name)
                log.info(f"{name}, {LEFT[training.state]}: on {device}")
                yield name, (name, training, replace(options, device=device, force_long=True))

    done = {name: training for name, training in by_name.items() if training.state == "done"}
    failures, stopped = [], 0
    for training in done.values():
        pace.finish(training)
    for name, signal, error in executor(_train, jobs()):
        places.give_back(name)
        if error is not None or signal:
            reason = "stopped, saved" if error is None else one_line(error)
            failures.append(Failure(name, reason))
            stopped = stopped or int(signal or 0)
            pace.drop(by_name[name])
            log.info(f"{name} failed: {reason}")
            continue
        done[name] = by_name[name]
        pace.finish(by_name[name])
        log.info(f"{name} is trained; {pace.left(max(len(devices), 1))} left for the others")
    return Trained(tuple(done[name] for name in by_name if name in done), tuple(failures), stopped)


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
    _log_to_stdout()
    # A process that was killed may have left a checkpoint behind.
    return run(as_it_lies(training), replace(options, name=name))


def _log_to_stdout() -> None:
    """Write what a spawned process logs, which inherits no handler."""
    root = logging.getLogger("hifisyn")
    if not root.handlers:
        root.setLevel(logging.INFO)
        root.addHandler(logging.StreamHandler(sys.stdout))
