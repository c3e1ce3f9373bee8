"""What to train, on which batches, and how: all that the loop needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from hifisyn.directions import Direction
from hifisyn.plans import BatchKind, Plans
from hifisyn.slices import SliceStore
from hifisyn.training.contract import Trainer
from hifisyn.training.label_map_source import LabelMapSource
from hifisyn.training.mixed_source import mix
from hifisyn.training.pretrained import Pretrained
from hifisyn.training.simulated_source import SimulatedSource
from hifisyn.training.slice_source import PairedSliceSource, SliceSource
from hifisyn.training.source import BatchSource
from hifisyn.training.training_cases import TrainingCases
from hifisyn.training.validation import SLICES, ValidationSet
from hifisyn.training.without_pairs import BaseAnswer, Expected, RealScans

REAL: tuple[BatchKind, ...] = ("unpaired", "paired")


@dataclass(frozen=True)
class Job:
    """One training of one method on one fold.

    Attributes:
        trainer: the method's class.
        plans: resolved; their method is a name of the registry or package.module:Class.
        domains: the contrasts, sorted.
        store: the slices that the plans describe; none where all batches are simulated.
        train: case names.
        val: case names.
        folder: of the fold; checkpoints, metrics and samples go there.
        subjects: case to subject; a case that is missing is its own subject.
        seed: of weights, draws and noise.
        pretrained: weights to start from; none: fresh ones.
        base: the base model, one of the judges where no pair is; none: it is not asked.
        maps: label maps that simulated batches are of; none: the phantom's own anatomy.
    """

    trainer: type[Trainer]
    plans: Plans
    domains: tuple[str, ...]
    store: SliceStore | None
    train: tuple[str, ...]
    val: tuple[str, ...]
    folder: Path
    subjects: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    pretrained: Pretrained | None = None
    base: BaseAnswer | None = None
    maps: tuple[Path, ...] = ()

    def new_trainer(self, device: torch.device) -> Trainer:
        """Return the method with the weights that it starts from; fresh ones depend on the seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            trainer = self.trainer(self.plans, self.domains)
        if self.pretrained is not None:
            self.pretrained.put_into(trainer.networks)
            trainer.started()
        return trainer.to(device)

    def cohort(self) -> TrainingCases | None:
        """Return what can be drawn of the training cases; none where no batch is of real slices.

        Raises:
            UserError: a contrast is in no case, or all are of one subject.
        """
        if self.store is None or not any(self.plans.batches.shares.get(kind) for kind in REAL):
            return None
        return TrainingCases.read(self.store, self.train, self.subjects, self.domains)

    def source(self, rank: int = 0) -> BatchSource:
        """Return where the batches come from, as the shares of the plans say.

        Raises:
            UserError: as `cohort`, or of a source that cannot serve these contrasts.
        """
        shares = {kind: share for kind, share in self.plans.batches.shares.items() if share > 0}
        cohort, context = self.cohort(), self.trainer.NEEDS.context
        sources: dict[BatchKind, BatchSource] = {}
        if cohort is not None and self.store is not None:
            real: dict[BatchKind, type[SliceSource]] = {"unpaired": SliceSource, "paired": PairedSliceSource}
            for kind in real.keys() & shares.keys():
                sources[kind] = real[kind](self.store, cohort, self.plans, self.seed, rank, context)
        if "simulated" in shares:
            sources["simulated"] = (
                LabelMapSource(self.domains, self.plans, self.maps, self.seed, rank, context)
                if self.maps
                else SimulatedSource(self.domains, self.plans, self.seed, rank, context)
            )
        return mix(sources, shares, self.seed)

    def validation(self, cases: Sequence[str], count: int = SLICES) -> ValidationSet | None:
        """Return about `count` slices a direction of some cases to look at; none where no direction has any."""
        if self.store is None:
            return None
        crop, context = self.plans.slices.crop, self.trainer.NEEDS.context
        return ValidationSet.read(self.store, cases, self.domains, crop, count, context)

    def expected(self, validation: ValidationSet | None) -> dict[Direction, Expected]:
        """Return what translations are held against where their truth is not looked at."""
        if self.store is None or validation is None:
            return {}
        return RealScans(self.store, self.train, self.plans.slices.crop, self.base).expected(validation)


@dataclass(frozen=True)
class Options:
    """How to run a job; none of it changes what is learned, but for rounding.

    Attributes:
        device: auto, cpu, cuda, cuda:1 or mps.
        precision: auto, fp32 or bf16.
        workers: reading processes; none: 0 on a CPU, else up to 3.
        resume: go on from checkpoint_latest.pt.
        force_long: train even if it would take days.
        name: of the training among several, in front of each line; "" where there is one.
    """

    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    resume: bool = False
    force_long: bool = False
    name: str = ""
