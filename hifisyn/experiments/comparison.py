"""Trainings that stand in one table: rows of an ablation, or methods of a benchmark, alike in all else.

All rows share splits, slices, seeds, steps, batch, device and precision, whatever each method plans for itself; that is
checked before anything is trained. Each row's model lies where hifisyn_train would put it, so that the default row is
the normal model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hifisyn.errors import UserError
from hifisyn.evaluation.model_task import choose_cases
from hifisyn.experiments import trainings
from hifisyn.experiments.budget import budget_of
from hifisyn.experiments.rows import KEYS, Row, check, needs
from hifisyn.experiments.shared import has, looked_up, made_plans, request_of, shared_plans
from hifisyn.experiments.trainings import Training
from hifisyn.paths import SPLITS_JSON, Roots, plans_file
from hifisyn.planning.splits import Splits
from hifisyn.plans import Plans
from hifisyn.training import model_folder
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Job, Options
from hifisyn.training.request import Request, base_plans


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
    def domains(self) -> tuple[str, ...]:
        """The contrasts, sorted."""
        return self.trainings[0].job.domains


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
    plans: Plans | None = None,
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
        plans: whose length and batch all rows have; none: those of the data set, with the user's changes.
        lengths: row to the assignments that give it another length than the plans.

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
    made = made_plans(request)
    shared = plans or shared_plans(made, request.assignments)
    splits = Splits.load(folder / SPLITS_JSON)
    chosen = choose_cases(splits, request.fold, split)[0]
    found = []
    for row in here:
        for seed in seeds:
            own = replace(request_of(row, request, shared, (lengths or {}).get(row.name, ())), seed=seed)
            job, remarks = looked_up(row, own)
            check(row, job.plans)
            _refuse_other_changes(row, own, job)
            found.append(trainings.find(row, own, job, budget_of(job, splits, options), remarks))
    missing = tuple(row for row in rows if needs(row))
    table = folder_of(kind, request, ["_".join(found[0].job.domains)], made, request.assignments)
    return Comparison(request, tuple(found), missing, seeds, chosen, checkpoint, table)


def folder_of(
    kind: str, request: Request, names: Sequence[str], made: Plans, assignments: Sequence[str], budget: str = ""
) -> Path:
    """Return where the tables of a comparison go: named by kind, contrasts, fold, plans, budget and what was changed.

    Args:
        kind: "ablation" or "benchmark".
        request: what all rows share.
        names: of the contrasts of each training, such as T1_T2.
        made: the plans as they lie in the data set's folder.
        assignments: of all rows.
        budget: such as steps=600, where that is none of the changes.
    """
    of_methods = [text.partition("=") for text in assignments if not has(made, text)]
    changed = model_folder.changes(made, shared_plans(made, assignments))
    changed |= {key.strip(): value for key, _, value in of_methods}
    parts = [f"{kind}_{'_and_'.join(names)}_fold_{request.fold}"]
    parts += [part for part in (request.plans if request.plans != "plans" else "", budget) if part]
    return request.roots.results / request.dataset / ("__".join(parts) + model_folder.suffix(changed))


def _refuse_other_changes(row: Row, request: Request, job: Job) -> None:
    common = request.assignments[: len(request.assignments) - len(row.assignments)]
    base = base_plans(request).override(list(common))
    others = sorted(set(model_folder.changes(base, job.plans)) - set(KEYS))
    if others:
        raise UserError(
            f"row {row.name}: wanted changes of {', '.join(KEYS)} alone, found {', '.join(others)}; rows that differ "
            "in anything else cannot stand in one table"
        )


def _needed(rows: tuple[Row, ...]) -> str:
    return "the method " + ", ".join(dict.fromkeys(needs(row) for row in rows))
