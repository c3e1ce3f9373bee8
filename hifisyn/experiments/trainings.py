"""One training of an ablation: what is there of it, what remains to be done, and that it was what its row says."""

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.experiments import budget as budgets
from hifisyn.experiments.budget import Budget
from hifisyn.experiments.rows import LOSSES, Row
from hifisyn.files import read_json
from hifisyn.metrics.image import finite_mean
from hifisyn.paths import METRICS_CSV
from hifisyn.plans import Plans
from hifisyn.training import checkpoint, model_folder
from hifisyn.training.job import Job, Options
from hifisyn.training.loop import train
from hifisyn.training.picture import LOSS
from hifisyn.training.request import Request, write_folder

State = Literal["new", "resume", "done"]
SUMMARY = Path("validation", "summary.json")
LEFT = {"new": "to be trained", "resume": "goes on", "done": "trained"}


@dataclass(frozen=True)
class Training:
    """One row under one seed.

    Attributes:
        row: what it leaves out.
        request: as hifisyn_train would have it.
        job: looked up for it.
        budget: that the table demands.
        state: new, resume (killed before its end) or done.
        remarks: what a reader of its numbers should know.
    """

    row: Row
    request: Request
    job: Job
    budget: Budget
    state: State
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.row.name}, seed {self.job.seed}"

    @property
    def model(self) -> Path:
        """Its model folder, the same that hifisyn_train would use."""
        return self.job.folder.parent

    @property
    def adopted(self) -> bool:
        """Whether hifisyn_train made it, which does not write down splits and slices."""
        return "splits" not in budgets.found_in(self.job)

    def seconds(self) -> float:
        """Return how long it has trained, by its log."""
        return sum(float(row["seconds"]) for row in _log(self.job.folder))

    def steps_left(self) -> int:
        """Return how many steps are still to be done, by its log; those since its last epoch count as not done."""
        total = self.job.plans.length.total
        if self.state != "resume":
            return total if self.state == "new" else 0
        rows = _log(self.job.folder)
        return total - (int(rows[-1]["iteration"]) if rows else 0)


def find(row: Row, request: Request, job: Job, budget: Budget, remarks: Sequence[str] = ()) -> Training:
    """Return the training with what is there of it; nothing is written.

    Raises:
        UserError: what is there was trained by other plans or with another budget; which is said.
    """
    state = "new" if request.overwrite else state_of(job.folder)
    resumed = dataclasses.replace(request, resume=state == "resume")
    training = Training(row, resumed, job, budget, state, tuple(remarks))
    if state != "new":
        _refuse_other_plans(training)
        budgets.refuse_another(str(training), budgets.found_in(job), budget)
        _refuse_other_validation(training)
    return training


def run(training: Training, options: Options) -> int:
    """Train what remains.

    Returns:
        0 at the end, else the number of the signal that stopped it, saved.

    Raises:
        UserError: as `hifisyn.training.loop.train`, or the log tells other losses than the row has.
    """
    job, resume = training.job, training.state == "resume"
    if training.state != "done":
        options = dataclasses.replace(options, resume=resume)
        write_folder(training.request, job, options)
        if not resume:
            budgets.write(job.folder, training.budget, training.request.command)
        stopped = train(job, options)
        if stopped:
            return stopped
    _refuse_other_losses(training)
    return 0


class Pace:
    """How long the trainings to come will take, from those that went before."""

    def __init__(self, all_trainings: Sequence[Training]) -> None:
        self.steps = {id(training): training.steps_left() for training in all_trainings}
        self.seconds_a_step: list[float] = []

    def finish(self, training: Training) -> None:
        """Count a training that reached its end."""
        if self.steps.pop(id(training)):
            self.seconds_a_step.append(training.seconds() / training.job.plans.length.total)

    def drop(self, training: Training) -> None:
        """Expect nothing more of a training."""
        del self.steps[id(training)]

    def left(self, at_a_time: int = 1) -> str:
        """Return how long the others will take, in words; so many go on at a time."""
        return duration(finite_mean(np.array(self.seconds_a_step)) * sum(self.steps.values()) / at_a_time)


def as_it_lies(training: Training) -> Training:
    """Return the training with what is there of it now, whatever there was when it was found."""
    state = state_of(training.job.folder)
    request = dataclasses.replace(training.request, resume=state == "resume", overwrite=False)
    return dataclasses.replace(training, request=request, state=state)


def state_of(folder: Path) -> State:
    """Return what there is of a training in the folder of its fold."""
    if (folder / checkpoint.FINAL).exists():
        return "done"
    return "resume" if (folder / checkpoint.LATEST).exists() else "new"


def _refuse_other_plans(training: Training) -> None:
    path = training.model / model_folder.PLANS_JSON
    different = model_folder.changes(Plans.checked(read_json(path), str(path)), training.job.plans)
    different.pop(model_folder.EPOCHS, None)  # one fold may be longer than another; its own length is in the budget
    for key, value in different.items():
        raise UserError(
            f"{training}: wanted {key} {value} as in the plans, found a training by other plans in {training.model}; "
            "train it anew with --overwrite, or put the value back"
        )


def _refuse_other_validation(training: Training) -> None:
    """Other validation cases betray other splits, where hifisyn_train did not write them down."""
    path = training.job.folder / SUMMARY
    others = set(read_json(path)["cases"]) - set(training.job.val) if path.exists() else set()
    if others:
        raise UserError(
            f"{training}: wanted the splits that all rows of a table share, found a training that was validated on "
            f"{', '.join(sorted(others))}; train it anew with --overwrite"
        )


def _refuse_other_losses(training: Training) -> None:
    """What was minimised stands in the log; a method that ignores a switch makes no row of an ablation."""
    logged = {key.rpartition("/")[2] for row in _log(training.job.folder) for key in row if key.startswith(LOSS)}
    found = logged & set(LOSSES.values())
    if training.row.parts is None:
        return
    if found != training.row.losses:
        raise UserError(
            f"{training}: wanted the losses {_listed(training.row.losses)}, found {_listed(found)} in {METRICS_CSV} "
            f"of {training.job.folder}; {training.row.method} does not follow the switches of this row"
        )


def _log(folder: Path) -> list[dict[str, str]]:
    path = folder / METRICS_CSV
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _listed(losses: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(losses)) or "none"
