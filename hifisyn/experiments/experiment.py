"""An experiment: trainings that stand in one table, alike in all but their rows.

The rows of an ablation are settings of one method, those of a benchmark are methods. All share splits, slices, seeds,
steps, batch, device and precision, whatever each method plans for itself. Each row's model lies where hifisyn_train
would put it, so that the default row is the normal model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hifisyn.engine.jobs import Failure
from hifisyn.experiments.kind import Kind
from hifisyn.experiments.length import Length
from hifisyn.experiments.rows import Row
from hifisyn.experiments.trainings import Training
from hifisyn.training.request import Request


@dataclass(frozen=True)
class Experiment:
    """What is to be done; nothing of it is done yet.

    Attributes:
        kind: ablation or benchmark.
        request: what all trainings share, of the first contrasts and seed.
        trainings: contrasts by contrasts, row by row, seed by seed.
        seeds: each row is trained once under each.
        length: what each row gets.
        split: "test" or "val", the cases that are compared.
        checkpoint: kind of the weights that are compared.
        folder: of tables and pictures.
        seconds_a_step: of the rows that were measured, by name; empty where nothing is left to train.
        at_a_time: trainings side by side.
        left_out: rows that are not trained, and why.
        failures: rows that cannot be trained here.
    """

    kind: Kind
    request: Request
    trainings: tuple[Training, ...]
    seeds: tuple[int, ...]
    length: Length
    split: str
    checkpoint: str
    folder: Path
    seconds_a_step: Mapping[str, float]
    at_a_time: int = 1
    left_out: tuple[Failure, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that are trained, in the order of the tables."""
        return tuple(dict.fromkeys(training.row for training in self.trainings))

    @property
    def by_contrasts(self) -> dict[tuple[str, ...], list[Training]]:
        """The trainings of each set of contrasts."""
        sets = dict.fromkeys(training.job.domains for training in self.trainings)
        return {domains: [t for t in self.trainings if t.job.domains == domains] for domains in sets}

    @property
    def contrasts(self) -> str:
        """The sets of contrasts, in words."""
        return "; ".join(" and ".join(domains) for domains in self.by_contrasts)

    @property
    def title(self) -> str:
        """What its tables and pictures show."""
        return f"{self.kind.name.capitalize()} on {self.request.dataset}, {self.contrasts}, {self.split} cases"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of single rows, such as a lack of labels."""
        return tuple(dict.fromkeys(f"{t.row.name}: {remark}" for t in self.trainings for remark in t.remarks))
