"""From what a user types, data set, contrasts and fold, to a job: plans, cases and folders looked up."""

import hashlib
import platform
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hifisyn import paths
from hifisyn.dataset import Dataset, text_to_pass_on
from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.json_files import read_object
from hifisyn.planning.planner import complete, refuse_other_dataset
from hifisyn.planning.splits import Fold, Splits
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training import model_folder
from hifisyn.training.checkpoint import versions
from hifisyn.training.chosen_by import ChosenBy
from hifisyn.training.contract import Trainer
from hifisyn.training.distributed import Ranks
from hifisyn.training.job import Job, Options
from hifisyn.training.loop import default_workers
from hifisyn.training.maps_of_heads import digest_of_maps, refuse_other_maps, usable_maps
from hifisyn.training.method_plans import plans_of_method
from hifisyn.training.pretrained import BASE, Pretrained, adopt_sizes, find_checkpoint
from hifisyn.training.registry import method_name, trainer_class
from hifisyn.training.request_checks import (
    chosen_domains,
    chosen_method,
    preprocess_command,
    refuse_other_slices,
    refuse_shares,
    refuse_stale_slices,
)
from hifisyn.training.step import resolve_device, resolve_precision


@dataclass(frozen=True)
class Request:
    """What hifisyn_train is asked for.

    Attributes:
        dataset: name of a preprocessed data set.
        domains: two contrasts or more, in any order.
        fold: number or "all".
        method: name in the registry, or package.module:Class; none: as `--set method=NAME` or the plans say.
        plans: name of the plans file.
        assignments: key=value texts that change the plans.
        epochs: how long; none: as planned. No change of the plans: raised on a finished fold, it goes on.
        pretrained: model folder or checkpoint whose weights it starts from, or "base"; none: fresh ones.
        heads: folder of label maps that simulated batches are of; none: the phantom's own anatomy.
        seed: of everything random.
        roots: where the data sets and the results are.
        resume, overwrite: what to do with a fold that has a checkpoint.
        command: the line that was typed, kept in config.json.
    """

    dataset: str
    domains: tuple[str, ...]
    fold: int | str
    method: str | None = None
    plans: str = "plans"
    assignments: tuple[str, ...] = ()
    epochs: int | None = None
    pretrained: Path | None = None
    heads: Path | None = None
    seed: int = 0
    roots: paths.Roots = field(default_factory=paths.Roots.resolve)
    resume: bool = False
    overwrite: bool = False
    command: str = ""


def look_up(request: Request) -> tuple[Job, list[str]]:
    """Find what a training needs; nothing is written.

    Returns:
        The job, and lines that the user should see.

    Raises:
        UserError: the data set, a contrast, the fold, the plans, a key, the method, the slices or the weights to start
            from do not exist, or do not go together.
    """
    if request.seed < 0:
        raise UserError("--seed must be 0 or more", got=request.seed)
    folder = request.roots.preprocessed_dataset(request.dataset)
    dataset = Dataset.load(_dataset_folder(request))
    base = base_plans(request)
    refuse_other_dataset(base, dataset, str(paths.plans_file(folder, request.plans)))
    trainer = trainer_class(base.method)
    start = _start(request, base, trainer)
    unchanged = base if start is None else adopt_sizes(base, start)
    plans = complete(unchanged.override(list(request.assignments)), trainer, "--set")
    refuse_other_slices(base, plans)
    domains = chosen_domains(request.domains, plans, trainer)
    refuse_shares(plans, trainer)
    maps = () if request.heads is None else usable_maps(request.heads, plans, trainer)
    fold = Splits.of_dataset(folder, dataset).fold(request.fold)
    store = SliceStore(paths.slices_folder(folder, request.plans))
    extracted = set(store.cases())
    if not extracted & set(fold.train):
        raise UserError(
            f"{store.folder} must hold slices of the training cases",
            got="none",
            hint=f"run {preprocess_command(request.dataset, request.plans)}",
        )
    refuse_stale_slices(
        store, sorted(extracted & {*fold.train, *fold.val}), base, preprocess_command(request.dataset, request.plans)
    )
    suffix = model_folder.suffix(model_folder.changes(unchanged, plans) | _origin(request), request.seed)
    method = method_name(base.method)
    model = paths.model_folder(request.roots.results, request.dataset, domains, method, request.plans, suffix)
    folder = paths.fold_folder(model, request.fold)
    epochs = model_folder.planned_epochs(folder) if request.resume and request.epochs is None else request.epochs
    job = Job(
        trainer=trainer,
        plans=with_epochs(plans, epochs),
        domains=domains,
        store=store,
        train=tuple(case for case in fold.train if case in extracted),
        val=tuple(case for case in fold.val if case in extracted),
        folder=folder,
        subjects={case.name: case.subject for case in dataset.all_cases.values()},
        seed=request.seed,
        pretrained=start,
        maps=maps,
    )
    return job, _remarks(request, job, fold, extracted)


def base_plans(request: Request) -> Plans:
    """Return the plans of the data set as the method that is trained has them, before anything else is changed.

    Raises:
        UserError: there are none, two methods are named, there is no such method, or it cannot plan by them.
    """
    folder = request.roots.preprocessed_dataset(request.dataset)
    file = paths.plans_file(folder, request.plans)
    plans = Plans.load(file)
    name = chosen_method(request.method, request.assignments, plans.method)
    return plans_of_method(
        plans, trainer_class(name), name, lambda: read_object(folder / paths.FINGERPRINT_JSON), str(file)
    )


def _start(request: Request, base: Plans, trainer: type[Trainer]) -> Pretrained | None:
    """Return the weights that a training starts from; none: fresh ones."""
    if request.pretrained is None:
        return Pretrained.of_base(trainer, base) if trainer.ADAPTS_BASE else None
    if str(request.pretrained) == BASE:
        return Pretrained.of_base(trainer, base)
    return Pretrained.read(find_checkpoint(request.pretrained, request.dataset, request.fold))


def with_epochs(plans: Plans, epochs: int | None) -> Plans:
    """Return plans of other length; as they are without epochs.

    Raises:
        UserError: fewer than one epoch.
    """
    return plans if epochs is None else plans.override([f"length.epochs={epochs}"])


def write_folder(request: Request, job: Job, options: Options) -> None:
    """Make the model folder ready; the command, versions and resolved options go into the fold's config.json.

    Raises:
        UserError: the fold was trained before, there is nothing to resume, or the plans are others.
    """
    base = base_plans(request)
    config = {
        "method": job.plans.method,
        "domains": list(job.domains),
        "dataset": request.dataset,
        "plans": request.plans,
        "changed": model_folder.changes(base, job.plans) | _origin(request),
        "versions": versions(),
    }
    fold_config = {
        "command": request.command,
        "fold": request.fold,
        "epochs": job.plans.length.epochs,
        "seed": request.seed,
        "pretrained": _file_and_digest(job.pretrained),
        "heads": None if request.heads is None else {"folder": str(request.heads), "sha256": digest_of_maps(job.maps)},
        "best_chosen_by": ChosenBy.of(job.validation(job.val)),
        "processes": Ranks.from_environment().world,
        **resolved(options),
        **provenance(),
    }
    if request.resume:
        refuse_other_maps(job.folder, fold_config["heads"])
    model_folder.prepare(
        job.folder,
        job.plans,
        text_to_pass_on(_dataset_folder(request)),
        config,
        fold_config,
        resume=request.resume,
        overwrite=request.overwrite,
    )


def resolved(options: Options) -> dict[str, Any]:
    """Return device, precision and number of reading processes as they will be.

    Raises:
        UserError: there is no such device, or it lacks the precision.
    """
    device = resolve_device(options.device)
    workers = default_workers(device) if options.workers is None else options.workers
    if workers < 0:
        raise UserError("--workers must be 0 or more", got=workers)
    return {"device": str(device), "precision": resolve_precision(options.precision, device), "workers": workers}


def provenance() -> dict[str, Any]:
    """Return versions, machine and the commit of this code, so that a run can be traced back."""
    here = Path(__file__).parent
    try:
        git = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        commit = git.stdout.strip() if git.returncode == 0 else None
    except (OSError, subprocess.TimeoutExpired):
        commit = None
    return {"versions": versions(), "system": f"{platform.system()} {platform.machine()}", "commit": commit}


def _origin(request: Request) -> dict[str, Any]:
    """Return what the places of weights to start from and of label maps add to the name of the model's folder.

    What lies there may change meanwhile: the folder's name does not.
    """
    places = {"pretrained": request.pretrained, "heads": request.heads}
    return {
        name: BASE if name == "pretrained" and str(place) == BASE else _short_name(place)
        for name, place in places.items()
        if place is not None
    }


def _short_name(place: Path) -> str:
    return hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:8]


def _file_and_digest(start: Pretrained | None) -> dict[str, str] | None:
    return None if start is None else {"file": str(start.file), "sha256": sha256(start.file)}


def _dataset_folder(request: Request) -> Path:
    """Return the folder of dataset.json: beside the slices if it is there, else the raw data set."""
    beside = request.roots.preprocessed_dataset(request.dataset)
    return beside if (beside / paths.DATASET_JSON).exists() else request.roots.raw_dataset(request.dataset)


def _remarks(request: Request, job: Job, fold: Fold, extracted: set[str]) -> list[str]:
    lines = []
    missing = sorted({*fold.train, *fold.val} - extracted)
    if missing:
        lines.append(f"without slices, left out: {', '.join(missing)}")
    if set(fold.train) & set(fold.val):
        lines.append("validation cases are among the training cases: their numbers flatter")
    cohort = job.cohort()
    if cohort is not None and not cohort.labelled and (lost := job.trainer.without_labels(job.plans)):
        lines.append(f"no training case has labels: {lost}")
    if cohort is not None and job.trainer.NEEDS.pairs and (doubtful := cohort.untrusted):
        lines.append(f"registration is not trusted, left out: {', '.join(doubtful)}")
    if job.pretrained is not None and not request.resume:
        lines += job.pretrained.remarks(job.trainer, job.plans, job.domains)
    return lines
