"""What to train, on which slices, and how: all that the loop is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training.contract import Trainer
from hifisyn.training.draws import Cohort


@dataclass(frozen=True)
class Job:
    """One training of one method on one fold.

    Attributes:
        trainer: the method's class.
        method: the name by which the registry finds it again.
        plans: resolved.
        pair: the two modalities, sorted.
        store: the slices that the plans describe.
        train: case names.
        val: case names.
        folder: of the fold; checkpoints, metrics and samples go there.
        subjects: case to subject; a case that is missing is its own subject.
        seed: of weights, draws and noise.
    """

    trainer: type[Trainer]
    method: str
    plans: Plans
    pair: tuple[str, str]
    store: SliceStore
    train: tuple[str, ...]
    val: tuple[str, ...]
    folder: Path
    subjects: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    def new_trainer(self, device: torch.device) -> Trainer:
        """Return the method with fresh weights, which depend on the seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.trainer(self.plans, self.pair).to(device)

    def cohort(self) -> Cohort:
        """Return what can be drawn of the training cases.

        Raises:
            UserError: a modality of the pair is in no case, or all are of one subject.
        """
        return Cohort.read(self.store, self.train, self.subjects, self.pair)


@dataclass(frozen=True)
class Options:
    """How to run a job; none of it changes what is learned, but for rounding.

    Attributes:
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto, fp32 or bf16.
        workers: reading processes; none: 0 on a CPU, else up to 3.
        resume: go on from checkpoint_latest.pt.
        force_long: train even if it would take days.
        log: takes the lines.
    """

    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    resume: bool = False
    force_long: bool = False
    log: Callable[[str], None] = print
