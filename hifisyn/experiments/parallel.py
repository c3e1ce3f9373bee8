"""The trainings of a comparison side by side: one on each device of this machine, or on the workers of a cluster."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from hifisyn.engine.jobs import Executor, Failure, Job, one_line
from hifisyn.experiments.train_all import Trained, named
from hifisyn.experiments.trainings import LEFT, Pace, Training, run
from hifisyn.training.job import Options
from hifisyn.training.request import write_folder


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
        options: how; its log takes a line when a training begins or ends, the processes print theirs.
        executor: runs at most as many jobs at a time as there are devices.
        devices: one is taken by each training while it runs; none: all take that of the options.
        overwrite: begin all anew.
    """
    if overwrite:
        for training in trainings:  # all at once: going on after an interruption must find no old training
            write_folder(training.request, training.job, options)
    by_name = named(trainings)
    free, taken = list(devices), dict[str, str]()
    pace = Pace(trainings)

    def jobs() -> Iterator[Job]:
        for name, training in by_name.items():
            if training.state == "done":
                continue
            taken[name] = free.pop(0) if devices else options.device
            options.log(f"{name}, {LEFT[training.state]}: on {taken[name]}")
            own = replace(options, device=taken[name], force_long=True, log=print)
            yield name, (name, training, own)

    done = {name: training for name, training in by_name.items() if training.state == "done"}
    failures, stopped = [], 0
    for name in done:
        pace.finish(by_name[name])
    for name, signal, error in executor(_train, jobs()):
        if devices:
            free.append(taken[name])
        if error is not None or signal:
            reason = "stopped, saved" if error is None else one_line(error)
            failures.append(Failure(name, reason))
            stopped = stopped or int(signal or 0)
            pace.drop(by_name[name])
            options.log(f"{name} failed: {reason}")
            continue
        done[name] = by_name[name]
        pace.finish(by_name[name])
        at_a_time = max(len(devices), 1)
        options.log(f"{name} is trained; {pace.left(at_a_time)} left for the others")
    return Trained(tuple(done[name] for name in by_name if name in done), tuple(failures), stopped)


def _train(name: str, training: Training, options: Options) -> int:
    return run(training, replace(options, log=partial(_say, name)))


def _say(name: str, line: str) -> None:
    print(f"{name}: {line}", flush=True)
