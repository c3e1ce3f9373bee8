"""How an nnU-Net is trained, and the environment that its process gets."""

import os
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hifisyn.downstream.nnunet_dataset import MOST_FOLDS
from hifisyn.engine.resources import allowed_cpus
from hifisyn.errors import UserError

Fold = int | Literal["all"]

EPOCHS, ITERATIONS = 1000, 250  # nnU-Net's own
SMALL_EPOCHS, SMALL_ITERATIONS = 40, 50

# nnU-Net's own variables.
RAW, PREPROCESSED, RESULTS = "nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"
PROCESSES, LOADERS, COMPILE = "nnUNet_def_n_proc", "nnUNet_n_proc_DA", "nnUNet_compile"


@dataclass(frozen=True)
class NnUNetSettings:
    """The settings that change the result of an nnU-Net training.

    Attributes:
        configuration: "2d" or "3d_fullres".
        epochs: training length.
        iterations: steps an epoch.
        folds: "all" trains one network on every training case; numbers train networks on four fifths each, whose
            probabilities are averaged.
        size: "full" as nnU-Net plans it; "small" an eighth of the channels and at most 8 images a step, for CPUs.
        device: "cpu", "cuda", "cuda:1" or "mps".
        seed: of weights and batches.
    """

    configuration: Literal["2d", "3d_fullres"] = "2d"
    epochs: int = EPOCHS
    iterations: int = ITERATIONS
    folds: tuple[Fold, ...] = ("all",)
    size: Literal["full", "small"] = "full"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.iterations < 1:
            got = f"{self.epochs} epochs of {self.iterations} steps"
            raise UserError("nnU-Net must train for at least 1 epoch of 1 step", got=got)
        odd = [fold for fold in self.folds if fold != "all" and not 0 <= fold < MOST_FOLDS]
        if not self.folds or odd or ("all" in self.folds and len(self.folds) > 1):
            got = " ".join(map(str, self.folds)) or "none"
            raise UserError(f"--nnunet-folds must be all, or numbers from 0 to {MOST_FOLDS - 1}", got=got)

    @property
    def steps(self) -> int:
        """Training steps of all folds together."""
        return self.epochs * self.iterations * len(self.folds)

    @property
    def network(self) -> str:
        """The network in words: "nnU-Net 2d"."""
        return f"nnU-Net {self.configuration}"

    @property
    def training(self) -> str:
        """The training in words: its length, size and folds."""
        length = f"{self.epochs} epochs of {self.iterations} steps"
        short = "" if self.epochs * self.iterations >= EPOCHS * ITERATIONS // 4 else ", a short training"
        size = "" if self.size == "full" else ", an eighth of the channels"
        return f"{length}{short}{size}, folds {' '.join(map(str, self.folds))}"

    def as_tool(self) -> dict[str, str]:
        """Return what a summary says of the tool: `tool` for tables, and its two parts, `network` and `training`."""
        return {"tool": f"{self.network}, {self.training}", "network": self.network, "training": self.training}

    def as_json(self) -> dict[str, Any]:
        """Return plain data: all that changes the result."""
        return asdict(self) | {"folds": list(self.folds)}


def resolved(
    device: str, *, epochs: int | None = None, iterations: int | None = None, size: str | None = None, **rest: Any
) -> NnUNetSettings:
    """Return the settings with what is not given chosen for the device: nnU-Net's own on a GPU, small ones on a CPU."""
    small = device == "cpu"
    return NnUNetSettings(
        epochs=epochs or (SMALL_EPOCHS if small else EPOCHS),
        iterations=iterations or (SMALL_ITERATIONS if small else ITERATIONS),
        size=size or ("small" if small else "full"),  # type: ignore[arg-type]
        device=device,
        **rest,
    )


def environment(folders: dict[str, str], device: str) -> dict[str, str]:
    """Return the environment of a process of nnU-Net: its folders are ours, whatever the user's variables say.

    Args:
        folders: RAW, PREPROCESSED and RESULTS.
        device: as in the settings.
    """
    cpus = str(allowed_cpus())
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("nnUNet")}
    chosen = {PROCESSES: cpus, LOADERS: cpus, COMPILE: "f", "OMP_NUM_THREADS": cpus}
    if device.startswith("cuda:"):  # nnU-Net takes the first GPU that it sees
        chosen["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    return inherited | chosen | folders
