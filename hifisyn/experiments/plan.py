"""Plan an experiment: every training looked up and compared with what lies there, before any of them begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hifisyn.engine.once import Once
from hifisyn.errors import UserError
from hifisyn.evaluation.model_task import choose_cases
from hifisyn.experiments import trainings
from hifisyn.experiments.budget import Budget
from hifisyn.experiments.experiment import Experiment
from hifisyn.experiments.fitting_rows import leave_out_unfit
from hifisyn.experiments.groups import Groups
from hifisyn.experiments.kind import Kind
from hifisyn.experiments.length import Length, assignments, own_length
from hifisyn.experiments.meter import Meter, read_speeds
from hifisyn.experiments.row_requests import dataset_plans, has_key, look_up_row, row_request, shared_plans
from hifisyn.experiments.rows import KEYS, Row, check_parts
from hifisyn.experiments.trainings import Training
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.training import model_folder
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Job, Options
from hifisyn.training.request import Request, base_plans

LENGTHS_JSON = "lengths.json"


def plan(
    kind: Kind,
    groups: Groups,
    seeds: Sequence[int],
    options: Options,
    length: Length | None = None,
    *,
    split: str | None = None,
    checkpoint: str = "best",
    at_a_time: int = 1,
    write: bool = True,
) -> Experiment:
    """Look up every training, compare it with what lies there, and measure how fast the rows are here.

    A row whose first steps fail is a failure and listed. One that cannot learn from the contrasts, such
    as one that needs pairs where there are none, is left out.

    Args:
        kind: ablation or benchmark.
        groups: the rows and their contrasts.
        seeds: each row is trained once under each.
        options: how to train.
        length: what each row gets; none: what the plans say.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best" or "final", of every row.
        at_a_time: trainings side by side, each of which then has one thread.
        write: record the measured speeds where time is the budget, so that a later call asks for the same steps.

    Raises:
        UserError: something is missing, the plans lack a part of a row, a training lies there that had another budget,
            a training would take days, speeds were measured under other conditions, no row is left, or several
            processes were started.
    """
    if Ranks.from_environment().world > 1:
        raise UserError(f"hifisyn_{kind.name} must run in one process", hint="start it without torchrun")
    if len(set(seeds)) != len(seeds):
        raise UserError("--seeds must be different", got=" ".join(map(str, seeds)), hint="name each once")
    return _Planner(kind, groups, tuple(seeds), options, length or Length(), at_a_time).plan(split, checkpoint, write)


class _Planner:
    """What is known while an experiment is planned."""

    def __init__(
        self, kind: Kind, groups: Groups, seeds: tuple[int, ...], options: Options, length: Length, at_a_time: int
    ) -> None:
        self.kind, self.seeds, self.options, self.length = kind, seeds, options, length
        self.at_a_time, self.request = at_a_time, groups.groups[0].request
        self.plans = _plans(self.request, length)
        self.groups = leave_out_unfit(groups, self.plans)
        self.splits = Splits.of_dataset(self.request.roots.preprocessed_dataset(self.request.dataset))
        self.meter = Meter(kind, options, length, at_a_time)

    def plan(self, split: str | None, checkpoint: str, write: bool) -> Experiment:
        folder = folder_of(self.kind, self.request, self.groups.names, self.length.key)
        once = Once(folder, self.meter.conditions(self.plans), LENGTHS_JSON)
        chosen = choose_cases(self.splits, self.request.fold, split)[0]
        lengths, speeds = self.timed(once) if self.length.seconds is not None else (self.lengths(), {})
        looked_up = self.without_failures(self.trainings(lengths))
        unmeasured: dict[Row, Job] = {}
        for training in looked_up:
            if training.steps_left() and training.row.name not in speeds:
                unmeasured.setdefault(training.row, training.job)
        speeds |= self.meter.measure(unmeasured)
        if self.length.seconds is not None and write:
            once.finish({"seconds_a_step": speeds})
        return Experiment(
            kind=self.kind,
            request=self.request,
            trainings=self.without_failures(looked_up),
            seeds=self.seeds,
            length=self.length,
            split=chosen,
            checkpoint=checkpoint,
            folder=folder,
            seconds_a_step=speeds,
            at_a_time=self.at_a_time,
            left_out=self.groups.left_out,
            failures=tuple(self.meter.failures),
        )

    def timed(self, once: Once) -> tuple[dict[Row, tuple[str, ...]], dict[str, float]]:
        """Return the lengths and the speeds of rows where time is the budget: all are measured once."""
        jobs: dict[Row, Job] = {}
        for group in self.groups.groups:
            for row in group.rows:
                jobs.setdefault(row, look_up_row(row, row_request(row, group.request, self.plans))[0])
        speeds = {} if self.request.overwrite else read_speeds(once)
        speeds |= self.meter.measure({row: job for row, job in jobs.items() if row.name not in speeds})
        return self.lengths(speeds, jobs), speeds

    def lengths(
        self, speeds: Mapping[str, float] | None = None, jobs: Mapping[Row, Job] | None = None
    ) -> dict[Row, tuple[str, ...]]:
        """Return the assignments that give each row another length than the plans."""
        speeds, jobs = speeds or {}, jobs or {}
        periods = {row: job.new_trainer(torch.device("cpu")).period for row, job in jobs.items() if row.name in speeds}
        return {
            row: own_length(self.length, self.plans, row.share, speeds.get(row.name), periods.get(row, 1))
            for group in self.groups.groups
            for row in group.rows
        }

    def trainings(self, lengths: Mapping[Row, Sequence[str]]) -> list[Training]:
        """Look up all trainings but those of rows that failed."""
        failed = {failure.case for failure in self.meter.failures}
        return [
            self.training(row, replace(row_request(row, group.request, self.plans, lengths[row]), seed=seed))
            for group in self.groups.groups
            for row in group.rows
            if row.name not in failed
            for seed in self.seeds
        ]

    def training(self, row: Row, request: Request) -> Training:
        """Look up one training."""
        job, remarks = look_up_row(row, request)
        check_parts(row, job.plans)
        _refuse_other_changes(row, request, job)
        return trainings.find(row, request, job, Budget.of(job, self.splits, self.options), remarks)

    def without_failures(self, looked_up: Sequence[Training]) -> tuple[Training, ...]:
        """Return the trainings of rows that did not fail.

        Raises:
            UserError: there are none.
        """
        failures = self.meter.failures
        there = tuple(t for t in looked_up if t.row.name not in {failure.case for failure in failures})
        if not there:
            raise UserError(f"no {self.kind.noun} can be trained here; {failures[0].case}: {failures[0].reason}")
        return there


def folder_of(kind: Kind, request: Request, names: Sequence[str], budget: str = "") -> Path:
    """Return where the tables go: named by kind, contrasts, fold, plans, budget and what was changed.

    Args:
        kind: ablation or benchmark.
        request: what all rows share.
        names: of the contrasts of each training, such as T1_T2.
        budget: such as steps=600, where that is none of the changes.
    """
    plans = dataset_plans(request)
    of_methods = [text.partition("=") for text in request.assignments if not has_key(plans, text)]
    changed = model_folder.changes(plans, shared_plans(plans, request.assignments))
    changed |= {key.strip(): value for key, _, value in of_methods}
    parts = [f"{kind.name}_{'_and_'.join(names)}_fold_{request.fold}"]
    parts += [part for part in (request.plans if request.plans != "plans" else "", budget) if part]
    return request.roots.results / request.dataset / ("__".join(parts) + model_folder.suffix(changed))


def _plans(request: Request, length: Length) -> Plans:
    """Return the plans that all rows share, as long as the budget says where it is of steps.

    Raises:
        UserError: the user sets steps beside a budget.
    """
    keys = [text.partition("=")[0].rpartition(".")[2] for text in request.assignments]
    for key in ("epochs", "iterations"):
        if key in keys and length != Length():
            raise UserError(f"--set {key} and --budget exclude each other", hint="leave out one of them")
    plans = shared_plans(dataset_plans(request), request.assignments)
    return plans if length.steps is None else plans.override(list(assignments(length.steps, plans)))


def _refuse_other_changes(row: Row, request: Request, job: Job) -> None:
    common = request.assignments[: len(request.assignments) - len(row.assignments)]
    base = base_plans(request).override(list(common))
    others = sorted(set(model_folder.changes(base, job.plans)) - set(KEYS))
    if others:
        raise UserError(
            f"row {row.name} must differ from the others in {', '.join(KEYS)} alone",
            got=", ".join(others),
            hint="rows that differ in anything else cannot stand in one table",
        )
