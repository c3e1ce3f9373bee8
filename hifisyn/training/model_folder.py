"""The folder of a model: named by what was changed, complete for prediction, never overwritten by accident."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from hifisyn.engine.held import held
from hifisyn.errors import FileError, UserError
from hifisyn.files import write_json, write_text
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON, DATASET_JSON, METRICS_CSV, PROGRESS_PNG, SCANS_JSON, fold_folders
from hifisyn.plans import Plans
from hifisyn.settings import flat
from hifisyn.table_files import read_table
from hifisyn.training import checkpoint

PLANS_JSON = "plans.json"
WITHOUT_EFFECT = ("name", "way", "inherits_from", "device", "reasons")
EPOCHS = "length.epochs"
VERDICT = "verdict"  # in config.json of a fold, once its training ended
LONGEST_SUFFIX = 60
OTHER_FOLDS = 60.0  # seconds to wait for other folds, which write the same

_WRITTEN = (checkpoint.LATEST, checkpoint.BEST, checkpoint.FINAL, METRICS_CSV, PROGRESS_PNG, CONFIG_JSON, SCANS_JSON)
_WRITTEN_FOLDERS = ("samples", "validation")


def changes(base: Plans, plans: Plans) -> dict[str, Any]:
    """Return the values of `plans` that differ from `base`, by dotted key; what does not touch training is left out."""
    before, after = (flat(p.model_dump(mode="json", exclude=set(WITHOUT_EFFECT))) for p in (base, plans))
    return {key: after.get(key) for key in before | after if before.get(key) != after.get(key)}


def suffix(changed: dict[str, Any], seed: int = 0) -> str:
    """Return the end of the model folder's name, empty where nothing was changed.

    >>> suffix({"optimisation.lr": 0.001, "length.epochs": 10})
    '__epochs=10__lr=0.001'
    >>> suffix({}, seed=1)
    '__seed=1'
    """
    named = {key.rpartition(".")[2]: value for key, value in changed.items()}
    named = named if len(named) == len(changed) else dict(changed)
    texts = [f"{key}={_text(value)}" for key, value in sorted(named.items())]
    if seed:
        texts.append(f"seed={seed}")
    whole = "".join(f"__{text}" for text in texts)
    if len(whole) <= LONGEST_SUFFIX:
        return whole
    return f"__{hashlib.sha256(repr(texts).encode()).hexdigest()[:10]}"


def prepare(
    folder: Path,
    plans: Plans,
    dataset_json: str,
    config: dict[str, Any],
    fold_config: dict[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Make `folder`, of a fold, and the model folder above it ready for training.

    Written are plans.json, dataset.json and config.json of the model, and config.json of the fold.

    Raises:
        UserError: the fold has a checkpoint and neither `resume` nor `overwrite`; there is nothing to resume; or
            the folder was trained by other plans (the key is named); or another process trains there.
    """
    with held(folder, [folder / name for name in _WRITTEN_FOLDERS]):
        _check(folder, plans, resume=resume, overwrite=overwrite)
        if resume and continues(folder, plans):
            (folder / checkpoint.FINAL).unlink()  # the training is not at its end any more
        if overwrite and not resume:
            _clear(folder)
        with held(folder.parent, wait=OTHER_FOLDS):
            plans.save(folder.parent / PLANS_JSON)
            write_text(folder.parent / DATASET_JSON, dataset_json)
            write_json(folder.parent / CONFIG_JSON, config)
        if resume and (folder / CONFIG_JSON).exists():
            first = read_object(folder / CONFIG_JSON)
            first.pop(VERDICT, None)  # of weights that train on now
            longer = {"epochs": fold_config["epochs"], "resumed": [*first.get("resumed", []), fold_config]}
            fold_config = first | longer
        write_json(folder / CONFIG_JSON, fold_config)


def _check(folder: Path, plans: Plans, *, resume: bool, overwrite: bool) -> None:
    existing = [name for name in (checkpoint.LATEST, checkpoint.BEST, checkpoint.FINAL) if (folder / name).exists()]
    if resume and checkpoint.LATEST not in existing:
        raise UserError(f"{folder} must hold {checkpoint.LATEST} to resume from", hint="train without --resume")
    if existing and not resume and not overwrite:
        raise UserError(
            f"{folder / existing[0]} already exists", hint="go on with --resume, or start again with --overwrite"
        )
    if resume and done_epochs(folder) > plans.length.epochs:
        raise UserError(
            f"--epochs must be at least {done_epochs(folder)}, which are done in {folder}",
            got=plans.length.epochs,
            hint="raise it",
        )
    _refuse_other_plans(folder.parent, folder, plans, resume=resume)


def continues(folder: Path, plans: Plans) -> bool:
    """Return whether a fold was trained to the end of a shorter plan, so that a longer one goes on from there."""
    ended = (folder / checkpoint.LATEST).exists() and (folder / checkpoint.FINAL).exists()
    epochs = planned_epochs(folder)
    return ended and epochs is not None and epochs < plans.length.epochs


def planned_epochs(folder: Path) -> int | None:
    """Return how long the training of a fold was to be; none where it was not begun."""
    path = folder / CONFIG_JSON
    if not path.exists():
        return None
    epochs = read_object(path).get("epochs")
    if not isinstance(epochs, int):
        raise FileError(path, "must hold epochs, a number", got=repr(epochs)[:40], hint="pass --overwrite")
    return epochs


def done_epochs(folder: Path) -> int:
    """Return how many epochs of a fold are done, by its log."""
    path = folder / METRICS_CSV
    if not path.exists():
        return 0
    try:
        return max((int(row["epoch"]) for row in read_table(path, ",")), default=0)
    except (KeyError, ValueError):
        raise FileError(path, "must be a log with the column epoch", hint="remove it, or pass --overwrite") from None


def _refuse_other_plans(model: Path, folder: Path, plans: Plans, *, resume: bool) -> None:
    """Compare with the plans the folder was trained by, where a checkpoint depends on them."""
    bound = [path for path in fold_folders(model) if any(path.glob("checkpoint_*.pt")) and (resume or path != folder)]
    if not bound or not (model / PLANS_JSON).exists():
        return
    different = changes(Plans.checked(read_object(model / PLANS_JSON), str(model / PLANS_JSON)), plans)
    different.pop(EPOCHS, None)  # a fold may go on for longer than it was planned for
    if different:
        key, value = next(iter(different.items()))
        more = f", and {len(different) - 1} more differ" if len(different) > 1 else ""
        raise UserError(
            f"{key} must be what {bound[0].name} of {model} was trained by",
            got=f"{value}{more}",
            hint="put the value back, or train into another folder by plans of another name (-p NAME)",
        )


def _clear(folder: Path) -> None:
    for name in _WRITTEN:
        (folder / name).unlink(missing_ok=True)
    for name in _WRITTEN_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-")
