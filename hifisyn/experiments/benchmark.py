"""A benchmark: many methods on the same contrasts, with one budget, on the same cases.

One comparison a set of contrasts. What holds for an ablation holds here: equal splits, slices, seeds, length, batch,
device and precision are checked before anything is trained, and the same line goes on after an interruption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.engine.jobs import Failure
from hifisyn.errors import UserError
from hifisyn.experiments import length as budget
from hifisyn.experiments.comparison import Comparison, folder_of, prepare
from hifisyn.experiments.groups import Groups
from hifisyn.experiments.length import Length
from hifisyn.experiments.meter import Meter, period
from hifisyn.experiments.rows import Row
from hifisyn.experiments.shared import made_plans, request_of, shared_plans
from hifisyn.experiments.train_all import Log
from hifisyn.experiments.trainings import Training
from hifisyn.plans import Plans
from hifisyn.training.job import Options
from hifisyn.training.request import Request


@dataclass(frozen=True)
class Benchmark:
    """What is to be done, looked up; nothing of it is done yet.

    Attributes:
        comparisons: one a set of contrasts that are trained together.
        length: what each row gets.
        seconds_a_step: of the rows that were measured, by name; empty where nothing is left to train.
        folder: of tables and pictures.
        failures: rows that cannot be trained here.
        left_out: methods that do not take so many contrasts.
    """

    comparisons: tuple[Comparison, ...]
    length: Length
    seconds_a_step: dict[str, float]
    folder: Path
    failures: tuple[Failure, ...] = ()
    left_out: tuple[Row, ...] = ()

    @property
    def request(self) -> Request:
        """What all trainings share, of the first contrasts."""
        return self.comparisons[0].request

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know of single methods, such as a lack of labels."""
        names = ", ".join(row.name for row in self.left_out)
        few = [f"left out, since they do not take so many contrasts in a training: {names}"] if names else []
        own = (f"{t.row.name}: {remark}" for t in self.trainings for remark in t.remarks)
        return tuple(dict.fromkeys((*few, *own)))

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, in the order of the tables."""
        return tuple(dict.fromkeys(row for comparison in self.comparisons for row in comparison.rows))

    @property
    def trainings(self) -> tuple[Training, ...]:
        """All trainings, contrasts by contrasts."""
        return tuple(training for comparison in self.comparisons for training in comparison.trainings)


def look_up_benchmark(
    what: Groups,
    seeds: Sequence[int],
    options: Options,
    length: Length,
    *,
    split: str | None = None,
    checkpoint: str = "best",
    at_a_time: int = 1,
    say: Log = print,
    write: bool = True,
) -> Benchmark:
    """Look up every training, hold it against the others, and measure how fast each row is here.

    A row whose first steps fail is left out and listed.

    Args:
        what: the methods and the contrasts.
        seeds: each method is trained once under each.
        options: how to train.
        length: the budget.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best" or "final", of every method.
        at_a_time: trainings side by side, each of which then has one thread.
        say: takes the lines.
        write: keep the measured speeds where time is the budget, so that a later call asks for the same steps.

    Raises:
        UserError: see `hifisyn.experiments.comparison.prepare`; a training would take days, and not `force_long`; no
            method is left; speeds were measured under other conditions when the benchmark began.
    """
    first = what.groups[0].request
    made = made_plans(first)
    plans = _plans(made, first.assignments, length)
    folder = folder_of("benchmark", first, what.names, made, first.assignments, length.key)
    meter = Meter(options, length, at_a_time, say)
    conditions = meter.conditions(plans)
    failures: list[Failure] = []
    speeds = budget.kept(folder, conditions) if length.seconds is not None and not first.overwrite else {}
    requests = _requests(what, plans)
    if length.seconds is not None:
        speeds |= meter.measure({row: r for row, r in requests.items() if row.name not in speeds}, failures)
    lengths = _lengths(what, plans, length, speeds)
    comparisons = [
        prepare(
            group.request,
            rows,
            tuple(seeds),
            options,
            kind="benchmark",
            split=split,
            checkpoint=checkpoint,
            plans=plans,
            lengths=lengths,
        )
        for group in what.groups
        if (rows := _there(group.rows, failures))
    ]
    _refuse_none(comparisons, failures)
    left = {t.row for c in comparisons for t in c.trainings if t.steps_left() and t.row.name not in speeds}
    requests = _requests(what, plans, lengths)
    speeds |= meter.measure({row: request for row, request in requests.items() if row in left}, failures)
    if length.seconds is not None and write:
        budget.keep(folder, speeds, conditions)
    comparisons = [
        replace(c, trainings=tuple(t for t in c.trainings if _there([t.row], failures))) for c in comparisons
    ]
    comparisons = [comparison for comparison in comparisons if comparison.trainings]
    _refuse_none(comparisons, failures)
    return Benchmark(tuple(comparisons), length, speeds, folder, tuple(failures), what.left_out)


def _plans(made: Plans, given: Sequence[str], length: Length) -> Plans:
    """Return the plans that all rows share, as long as the budget says where it is of steps.

    Raises:
        UserError: the user sets steps beside a budget.
    """
    keys = [text.partition("=")[0].rpartition(".")[2] for text in given]
    for key in ("epochs", "iterations"):
        if key in keys and length != Length():
            raise UserError(f"--set {key}: wanted one length, found --budget too; leave out one of them")
    plans = shared_plans(made, given)
    return plans if length.steps is None else plans.override(list(budget.assignments(length.steps, plans)))


def _requests(what: Groups, plans: Plans, lengths: Mapping[str, tuple[str, ...]] | None = None) -> dict[Row, Request]:
    """Return row to the request of a training of it, on the first contrasts that it has."""
    found: dict[Row, Request] = {}
    for group in what.groups:
        for row in group.rows:
            found.setdefault(row, request_of(row, group.request, plans, (lengths or {}).get(row.name, ())))
    return found


def _lengths(what: Groups, plans: Plans, length: Length, speeds: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """Return the assignments of each row that has another length than the plans."""
    shares = {row.name: group.share for group in what.groups for row in group.rows}
    requests = _requests(what, plans) if length.seconds is not None else {}
    periods = {row.name: period(row, request) for row, request in requests.items() if row.name in speeds}
    return budget.lengths(length, plans, shares, speeds, periods)


def _there(rows: Sequence[Row], failures: Sequence[Failure]) -> tuple[Row, ...]:
    failed = {failure.case for failure in failures}
    return tuple(row for row in rows if row.name not in failed)


def _refuse_none(comparisons: Sequence[Comparison], failures: Sequence[Failure]) -> None:
    if not comparisons:
        raise UserError(
            f"wanted a method that can be trained here, found none; {failures[0].case}: {failures[0].reason}"
        )
