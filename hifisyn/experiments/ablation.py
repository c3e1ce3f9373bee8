"""An ablation: the same training again and again, each time without some part, then one table.

All rows share plans, splits, slices, seeds, steps, batch, device and precision; that is checked before anything is
trained. Each row's model lies where hifisyn_train would put it, so that the default row is the normal model.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.errors import UserError
from hifisyn.evaluation.model_task import choose_cases
from hifisyn.experiments import trainings
from hifisyn.experiments.budget import budget_of
from hifisyn.experiments.rows import KEYS, Row, check, needs
from hifisyn.experiments.trainings import Pace, Training
from hifisyn.paths import SPLITS_JSON, Roots, plans_file
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.training import model_folder
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Options
from hifisyn.training.request import Request, look_up, write_folder

Log = Callable[[str], None]


@dataclass(frozen=True)
class Ablation:
    """What is to be done, looked up; nothing of it is done yet.

    Attributes:
        request: what all rows share, of the first seed.
        trainings: row by row, seed by seed.
        missing: rows whose method is not here.
        seeds: of the trainings.
        split: "test" or "val", the cases that are compared.
        checkpoint: kind of the weights that are compared.
        folder: of the table.
    """

    request: Request
    trainings: tuple[Training, ...]
    missing: tuple[Row, ...]
    seeds: tuple[int, ...]
    split: str
    checkpoint: str
    folder: Path

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows that are trained."""
        return tuple(dict.fromkeys(training.row for training in self.trainings))

    @property
    def pair(self) -> tuple[str, str]:
        """The two contrasts, sorted."""
        return self.trainings[0].job.pair


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


def only_pair(roots: Roots, dataset: str, plans: str) -> tuple[str, str]:
    """Return the contrasts of a data set that has two.

    Raises:
        UserError: it has more or fewer.
    """
    modalities = Plans.load(plans_file(roots.preprocessed_dataset(dataset), plans)).modalities
    if len(modalities) != 2:
        raise UserError(
            f"wanted two of the contrasts of {dataset}, found {', '.join(modalities)}; name --source and --target"
        )
    return modalities[0], modalities[1]


def prepare(
    request: Request,
    rows: tuple[Row, ...],
    seeds: tuple[int, ...],
    options: Options,
    *,
    split: str | None = None,
    checkpoint: str = "best",
) -> Ablation:
    """Look up every training and hold it against the others; nothing is written.

    Args:
        request: what all rows share; its seed is replaced by each of `seeds`.
        rows: of the table.
        seeds: each row is trained once under each.
        options: how to train.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best", "final" or "latest", of every row.

    Raises:
        UserError: something is missing, the plans lack what a row wants to take away, a training lies there that had
            another budget, or several processes were started.
    """
    if Ranks.from_environment().world > 1:
        raise UserError("wanted one process, found several of torchrun; start hifisyn_ablation by itself")
    if len(set(seeds)) != len(seeds):
        raise UserError(f"wanted different seeds, found {' '.join(map(str, seeds))}; name each once")
    here = tuple(row for row in rows if not needs(row))
    if not here:
        raise UserError(f"wanted rows to train, found rows that need {_needed(rows)}; choose other --rows")
    folder = request.roots.preprocessed_dataset(request.dataset)
    base = Plans.load(plans_file(folder, request.plans))
    shared = base.override(list(request.assignments))
    splits = Splits.load(folder / SPLITS_JSON)
    chosen = choose_cases(splits, request.fold, split)[0]
    found = []
    for row in here:
        for seed in seeds:
            own = replace(request, seed=seed, method=row.method, assignments=(*request.assignments, *row.assignments))
            job, _ = look_up(own)
            check(row, job.plans)
            _refuse_other_changes(row, model_folder.changes(shared, job.plans))
            found.append(trainings.find(row, own, job, budget_of(job, splits, options)))
    changed = model_folder.suffix(model_folder.changes(base, shared))
    name = f"ablation_{'_'.join(found[0].job.pair)}_fold_{request.fold}"
    name += f"__{request.plans}" * (request.plans != "plans") + changed
    missing = tuple(row for row in rows if needs(row))
    table = request.roots.results / request.dataset / name
    return Ablation(request, tuple(found), missing, seeds, chosen, checkpoint, table)


def train_rows(ablation: Ablation, options: Options) -> Trained:
    """Train what remains, one after the other; a training that fails costs no other.

    Args:
        ablation: what to do.
        options: how; its log takes the lines, each with the row before it.
    """
    done: list[Training] = []
    failures: list[Failure] = []
    pace = Pace(ablation.trainings)
    if ablation.request.overwrite:
        for training in ablation.trainings:  # all at once: going on after an interruption must find no old training
            write_folder(training.request, training.job, options)
    for number, training in enumerate(ablation.trainings, 1):
        say = options.log
        say(f"training {number} of {len(ablation.trainings)}: {training}, {trainings.LEFT[training.state]}")
        own = replace(options, log=_with_name(say, training), force_long=True)  # the length was checked before
        try:
            stopped = trainings.run(training, own)
        except Exception as error:
            failures.append(Failure(str(training), one_line(error)))
            say(f"{training} failed: {one_line(error)}")
            pace.drop(training)
            continue
        if stopped:
            return Trained(tuple(done), tuple(failures), stopped)
        done.append(training)
        pace.finish(training)
        if training.state != "done":
            say(f"{training} is trained; {pace.left()} left for the other rows")
    return Trained(tuple(done), tuple(failures))


def _with_name(say: Log, training: Training) -> Log:
    return lambda line: say(f"{training}: {line}")


def _refuse_other_changes(row: Row, changed: dict[str, Any]) -> None:
    others = sorted(set(changed) - set(KEYS))
    if others:
        raise UserError(
            f"row {row.name}: wanted changes of {', '.join(KEYS)} alone, found {', '.join(others)}; rows that differ "
            "in anything else cannot stand in one table"
        )


def _needed(rows: tuple[Row, ...]) -> str:
    return "the method " + ", ".join(dict.fromkeys(needs(row) for row in rows))
