"""What the trainings of one table must have in common, recorded beside each of them before it begins."""

from dataclasses import dataclass
from typing import Any

from hifisyn.engine.digests import digest
from hifisyn.engine.once import ASKED, Once
from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON
from hifisyn.planning.splits import Splits
from hifisyn.training import model_folder
from hifisyn.training.job import Job, Options
from hifisyn.training.request import resolved

BUDGET_JSON = "budget.json"
DIGESTS = ("splits", "slices")


@dataclass(frozen=True)
class Budget:
    """What a training got.

    Attributes:
        epochs: of the training.
        iterations: steps of an epoch.
        batch_size: of a step.
        device: cpu, cuda or mps.
        precision: fp32 or bf16.
        processes: that trained together.
        splits: digest of the training, validation and test cases.
        slices: digest of the records of all these cases' slices, which say how each was extracted.
    """

    epochs: int
    iterations: int
    batch_size: int
    device: str
    precision: str
    processes: int
    splits: str
    slices: str

    @classmethod
    def of(cls, job: Job, splits: Splits, options: Options) -> "Budget":
        """Return what a job would get."""
        cases = {"train": sorted(job.train), "val": sorted(job.val), "test": sorted(splits.test)}
        named = {case for part in cases.values() for case in part}
        records = {c: job.store.record(c) for c in sorted(named & set(job.store.cases()))} if job.store else {}
        how, length = resolved(options), job.plans.length
        return cls(
            epochs=length.epochs,
            iterations=length.iterations,
            batch_size=job.plans.optimisation.batch_size,
            device=_kind(how["device"]),
            precision=how["precision"],
            processes=1,
            splits=digest(cases),
            slices=digest(records),
        )

    def record(self, job: Job, command: str) -> None:
        """Write the digests into the folder of a job that begins, by the `command` in its config.json."""
        self._recorded(job, command).finish()

    def is_recorded(self, job: Job) -> bool:
        """Return whether digests lie beside a training; hifisyn_train writes none."""
        once = self._recorded(job, read_object(job.folder / CONFIG_JSON)["command"])
        # Of another command, they belong to a training that this one replaced.
        return once.file.is_file() and "command" not in once.changed()

    def refuse_another(self, name: str, job: Job) -> None:
        """Check that the training that lies in a job's folder had this budget, as far as that is known.

        Raises:
            UserError: it had another.
        """
        for key, value in self._found(job).items():
            if value != getattr(self, key):
                raise UserError(
                    f"{name}: the {key} must be the same for all rows of a table, here {getattr(self, key)}",
                    got=f"a training with {value}",
                    hint="train it again with --overwrite, or go back to what it was trained with",
                )

    def _recorded(self, job: Job, command: str) -> Once:
        return Once(job.folder, {"command": command, "splits": self.splits, "slices": self.slices}, BUDGET_JSON)

    def _found(self, job: Job) -> dict[str, Any]:
        """Return what is known of the budget of the training in a job's folder."""
        config, plans = read_object(job.folder / CONFIG_JSON), read_object(job.folder.parent / model_folder.PLANS_JSON)
        found = {
            "epochs": config["epochs"],
            "iterations": plans["length"]["iterations"],
            "batch_size": plans["optimisation"]["batch_size"],
            "device": _kind(config["device"]),
            "precision": config["precision"],
            "processes": config["processes"],
        }
        if self.is_recorded(job):
            before = self._recorded(job, config["command"]).read()[ASKED]
            found |= {key: before[key] for key in DIGESTS}
        return found


def _kind(device: str) -> str:
    return device.partition(":")[0]
