"""Many trainings in a row; one that fails costs no other, and an interruption costs nothing that was done."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.experiments.trainings import LEFT, Pace, Training, run
from hifisyn.training.job import Options
from hifisyn.training.request import write_folder

Log = Callable[[str], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """What came of the trainings.

    Attributes:
        done: those that reached their end.
        failures: those that did not, by "row, seed".
        stopped: number of the signal that ended it all, or 0.
    """

    done: tuple[Training, ...]
    failures: tuple[Failure, ...]
    stopped: int = 0


def named(trainings: Sequence[Training]) -> dict[str, Training]:
    """Return the trainings by name; with their contrasts in front, where these differ."""
    several = len({training.job.domains for training in trainings}) > 1
    return {f"{' and '.join(t.job.domains)}: {t}" if several else str(t): t for t in trainings}


def train_rows(trainings: Sequence[Training], options: Options, *, overwrite: bool = False) -> Trained:
    """Train what remains, one after the other; a training that fails costs no other.

    Args:
        trainings: what to do.
        options: how.
        overwrite: begin all anew.
    """
    done: list[Training] = []
    failures: list[Failure] = []
    pace = Pace(trainings)
    if overwrite:
        for training in trainings:  # all at once: going on after an interruption must find no old training
            write_folder(training.request, training.job, options)
    for number, (name, training) in enumerate(named(trainings).items(), 1):
        log.info(f"training {number} of {len(trainings)}: {name}, {LEFT[training.state]}")
        own = replace(options, name=name, force_long=True)  # the length was checked before
        try:
            stopped = run(training, own)
        except Exception as error:
            failures.append(Failure(name, one_line(error)))
            log.info(f"{name} failed: {one_line(error)}")
            pace.drop(training)
            continue
        if stopped:
            return Trained(tuple(done), tuple(failures), stopped)
        done.append(training)
        pace.finish(training)
        if training.state != "done":
            log.info(f"{name} is trained; {pace.left()} left for the other rows")
    return Trained(tuple(done), tuple(failures))
