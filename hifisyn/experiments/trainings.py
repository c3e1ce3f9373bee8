"""One training of an experiment: what is done of it, what remains, and whether it is the training of its row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hifisyn.base.for_choice import with_base
from hifisyn.errors import UserError
from hifisyn.experiments.budget import Budget
from hifisyn.experiments.rows import LOSSES, Row
from hifisyn.json_files import read_object
from hifisyn.paths import METRICS_CSV
from hifisyn.plans import Plans
from hifisyn.table_files import read_table
from hifisyn.training import checkpoint, model_folder
from hifisyn.training.job import Job, Options
from hifisyn.training.loop import train
from hifisyn.training.picture import LOSS
from hifisyn.training.request import Request, write_folder

SUMMARY = Path("validation", "summary.json")


class State(StrEnum):
    """How far a training is, in words."""

    NEW = "to be trained"
    BEGUN = "goes on"
    DONE = "trained"

    @classmethod
    def of(cls, folder: Path) -> "State":
        """Return that of the folder of a fold."""
        if (folder / checkpoint.FINAL).exists():
            return cls.DONE
        return cls.BEGUN if (folder / checkpoint.LATEST).exists() else cls.NEW


@dataclass(frozen=True)
class Training:
    """One row under one seed, on one set of contrasts.

    Attributes:
        row: of the table.
        request: as hifisyn_train would have it.
        job: looked up for it.
        budget: that all rows of the table have.
        state: how far it is.
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
    def steps(self) -> int:
        """Of the whole training."""
        return self.job.plans.length.total

    def seconds(self) -> float:
        """Return how long it has trained, by its log."""
        return sum(float(row["seconds"]) for row in _log(self.job.folder))

    def steps_left(self) -> int:
        """Return how many steps are still to be done, by its log; those since its last epoch count as not done."""
        if self.state != State.BEGUN:
            return self.steps if self.state == State.NEW else 0
        rows = _log(self.job.folder)
        return self.steps - (int(rows[-1]["iteration"]) if rows else 0)

    def refreshed(self) -> "Training":
        """Return the training as far as it is now, rather than when it was looked up."""
        state = State.of(self.job.folder)
        request = replace(self.request, resume=state == State.BEGUN, overwrite=False)
        return replace(self, request=request, state=state)


def find(row: Row, request: Request, job: Job, budget: Budget, remarks: Sequence[str] = ()) -> Training:
    """Look up how far a training is; nothing is written.

    Raises:
        UserError: what is there was trained by other plans or with another budget.
    """
    state = State.NEW if request.overwrite else State.of(job.folder)
    training = Training(row, replace(request, resume=state == State.BEGUN), job, budget, state, tuple(remarks))
    if state != State.NEW:
        _refuse_other_plans(training)
        budget.refuse_another(str(training), job)
        _refuse_other_validation(training)
    return training


def run(training: Training, options: Options) -> int:
    """Train what remains.

    Returns:
        0 at the end, else the number of the signal that stopped it, saved.

    Raises:
        UserError: as `hifisyn.training.loop.train`, or the log has other losses than the row.
    """
    job, resume = training.job, training.state == State.BEGUN
    if training.state != State.DONE:
        options = replace(options, resume=resume)
        write_folder(training.request, job, options)
        if not resume:
            training.budget.record(job, training.request.command)
        stopped = train(with_base(job), options)
        if stopped:
            return stopped
    _refuse_other_losses(training)
    return 0


def _refuse_other_plans(training: Training) -> None:
    path = training.model / model_folder.PLANS_JSON
    different = model_folder.changes(Plans.checked(read_object(path), str(path)), training.job.plans)
    different.pop(model_folder.EPOCHS, None)  # one fold may be longer than another; its own length is in the budget
    for key, value in different.items():
        raise UserError(
            f"{training}: {key} must be {value} as in the plans",
            got=f"a training by other plans in {training.model}",
            hint="train it again with --overwrite, or put the value back",
        )


def _refuse_other_validation(training: Training) -> None:
    """Other validation cases betray other splits, where hifisyn_train did not record them."""
    path = training.job.folder / SUMMARY
    others = set(read_object(path)["cases"]) - set(training.job.val) if path.exists() else set()
    if others:
        raise UserError(
            f"{training}: the splits must be the same for all rows of a table",
            got=f"a training that was validated on {', '.join(sorted(others))}",
            hint="train it again with --overwrite",
        )


def _refuse_other_losses(training: Training) -> None:
    """Compare with what was minimised, by the log: a method that ignores a switch makes no row of an ablation."""
    if training.row.parts is None:
        return
    logged = {key.rpartition("/")[2] for row in _log(training.job.folder) for key in row if key.startswith(LOSS)}
    minimised = logged & set(LOSSES.values())
    if minimised != training.row.losses:
        raise UserError(
            f"{training}: the losses must be {_listed(training.row.losses)}",
            got=f"{_listed(minimised)} in {METRICS_CSV} of {training.job.folder}",
            hint=f"leave the row out, {training.row.method} does not follow its switches",
        )


def _log(folder: Path) -> list[dict[str, str]]:
    path = folder / METRICS_CSV
    return read_table(path, ",") if path.exists() else []


def _listed(losses: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(losses)) or "none"
