"""Trainings that stand in one table: rows of an ablation, or methods of a benchmark, alike in all else.

All rows share plans, splits, slices, seeds, steps, batch, device and precision; that is checked before anything is
trained. Each row's model lies where hifisyn_train would put it, so that the default row is the normal model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hifisyn.errors import UserError
from hifisyn.evaluation.model_task import choose_cases
from hifisyn.experiments import trainings
from hifisyn.experiments.budget import budget_of
from hifisyn.experiments.rows import KEYS, Row, check, needs
from hifisyn.experiments.trainings import Training
from hifisyn.paths import SPLITS_JSON, Roots, plans_file
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.training import model_folder
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Job, Options
from hifisyn.training.registry import trainer_class
from hifisyn.training.request import Request, look_up
from hifisyn.training.settings import adapted


@dataclass(frozen=True)
class Comparison:
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
    kind: str = "ablation",
    split: str | None = None,
    checkpoint: str = "best",
    lengths: Mapping[str, tuple[str, ...]] | None = None,
) -> Comparison:
    """Look up every training and hold it against the others; nothing is written.

    Args:
        request: what all rows share; its seed is replaced by each of `seeds`.
        rows: of the table.
        seeds: each row is trained once under each.
        options: how to train.
        kind: of comparison; the folder's name begins with it.
        split: see `hifisyn.evaluation.model_task.choose_cases`.
        checkpoint: "best", "final" or "latest", of every row.
        lengths: method to the assignments that give it steps of its own, where equal time is the budget.

    Raises:
        UserError: something is missing, the plans lack what a row wants to take away, a training lies there that had
            another budget, or several processes were started.
    """
    if Ranks.from_environment().world > 1:
        raise UserError(f"wanted one process, found several of torchrun; start hifisyn_{kind} by itself")
    if len(set(seeds)) != len(seeds):
        raise UserError(f"wanted different seeds, found {' '.join(map(str, seeds))}; name each once")
    here = tuple(row for row in rows if not needs(row))
    if not here:
        raise UserError(f"wanted rows to train, found rows that need {_needed(rows)}; choose other --rows")
    folder = request.roots.preprocessed_dataset(request.dataset)
    made = Plans.load(plans_file(folder, request.plans))
    splits = Splits.load(folder / SPLITS_JSON)
    chosen = choose_cases(splits, request.fold, split)[0]
    found = []
    for row in here:
        base = adapted(made, trainer_class(row.method))
        for seed in seeds:
            all_rows = (*request.assignments, *(lengths or {}).get(row.method, ()))
            own = replace(request, seed=seed, method=row.method, assignments=(*all_rows, *row.assignments))
            job, remarks = _looked_up(row, own)
            check(row, job.plans)
            _refuse_other_changes(row, model_folder.changes(base.override(list(all_rows)), job.plans))
            found.append(trainings.find(row, own, job, budget_of(job, splits, options), remarks))
    missing = tuple(row for row in rows if needs(row))
    table = folder_of(kind, request, ["_".join(found[0].job.pair)], made, request.assignments)
    return Comparison(request, tuple(found), missing, seeds, chosen, checkpoint, table)


def _looked_up(row: Row, request: Request) -> tuple[Job, list[str]]:
    """Do `look_up`; what is wrong is told of the row."""
    try:
        return look_up(request)
    except UserError as error:
        settings = [text for text in request.assignments if text.startswith("method.")]
        hint = "; a method.NAME of --set must be a setting of every method" if settings else ""
        raise UserError(f"{row.name}: {error}{hint}") from None


def folder_of(
    kind: str, request: Request, pairs: Sequence[str], made: Plans, assignments: Sequence[str], budget: str = ""
) -> Path:
    """Return where the tables of a comparison go: named by kind, pairs, fold, plans, budget and what was changed.

    Args:
        kind: "ablation" or "benchmark".
        request: what all rows share.
        pairs: of contrasts, such as T1_T2.
        made: the plans as they lie in the data set's folder.
        assignments: of all rows.
        budget: such as steps=600, where that is none of the changes.
    """
    own = {text.partition("=")[0]: text.partition("=")[2] for text in assignments if text.startswith("method.")}
    changed = model_folder.changes(
        made, made.override([text for text in assignments if not text.startswith("method.")])
    )
    parts = [f"{kind}_{'_and_'.join(pairs)}_fold_{request.fold}"]
    parts += [part for part in (request.plans if request.plans != "plans" else "", budget) if part]
    return request.roots.results / request.dataset / ("__".join(parts) + model_folder.suffix(changed | own))


def _refuse_other_changes(row: Row, changed: dict[str, Any]) -> None:
    others = sorted(set(changed) - set(KEYS))
    if others:
        raise UserError(
            f"row {row.name}: wanted changes of {', '.join(KEYS)} alone, found {', '.join(others)}; rows that differ "
            "in anything else cannot stand in one table"
        )


def _needed(rows: tuple[Row, ...]) -> str:
    return "the method " + ", ".join(dict.fromkeys(needs(row) for row in rows))
