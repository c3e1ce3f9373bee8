"""What the rows of one table must have in common, written down beside each training before it begins."""

from pathlib import Path
from typing import Any

from hifisyn.engine.digests import digest
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.paths import CONFIG_JSON
from hifisyn.planning.splits import Splits
from hifisyn.training import model_folder
from hifisyn.training.job import Job, Options
from hifisyn.training.request import resolved

BUDGET_JSON = "budget.json"
COMMAND = "command"

Budget = dict[str, Any]


def budget_of(job: Job, splits: Splits, options: Options) -> Budget:
    """Return steps, batch, device, precision, and the digests of splits and slices, by name.

    Splits count with their test cases; of the slices the records of all these cases count, which tell how each was
    made.
    """
    cases = {"train": sorted(job.train), "val": sorted(job.val), "test": sorted(splits.test)}
    wanted = {case for part in cases.values() for case in part}
    records = {c: job.store.record(c) for c in sorted(wanted & set(job.store.cases()))} if job.store else {}
    how, length = resolved(options), job.plans.length
    return {
        "epochs": length.epochs,
        "iterations": length.iterations,
        "batch_size": job.plans.optimisation.batch_size,
        "device": _kind(how["device"]),
        "precision": how["precision"],
        "processes": 1,
        "splits": digest(cases),
        "slices": digest(records),
    }


def write(folder: Path, budget: Budget, command: str) -> None:
    """Keep the budget of a training that begins in `folder`, of the fold, by the `command` in its config.json."""
    write_json(folder / BUDGET_JSON, {COMMAND: command, **budget})


def found_in(job: Job) -> Budget:
    """Return the budget of the training that lies in the job's folder, as far as it is known.

    One that was begun by hifisyn_train says nothing of its splits and slices.
    """
    config, plans = read_json(job.folder / CONFIG_JSON), read_json(job.folder.parent / model_folder.PLANS_JSON)
    known: Budget = {"epochs": config["epochs"], "iterations": plans["length"]["iterations"]}
    known |= {"batch_size": plans["optimisation"]["batch_size"]}
    known |= {"device": _kind(config["device"]), "precision": config["precision"], "processes": config["processes"]}
    kept = read_json(job.folder / BUDGET_JSON) if (job.folder / BUDGET_JSON).exists() else {}
    if kept.get(COMMAND) == config[COMMAND]:  # else another training replaced the one that the file is about
        known |= {key: kept[key] for key in ("splits", "slices")}
    return known


def refuse_another(what: str, found: Budget, wanted: Budget) -> None:
    """See that a training had the budget of the table.

    Raises:
        UserError: it had another; what differs is named.
    """
    for key, value in found.items():
        if value != wanted[key]:
            raise UserError(
                f"{what}: wanted the {key} that all rows of a table share ({wanted[key]}), found a training with "
                f"{value}; train it anew with --overwrite, or go back to what it was trained with"
            )


def _kind(device: str) -> str:
    return device.partition(":")[0]
