"""One training by the product's own loop: its plans, its job, and the weights that it chose."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.base_model.cases import Case
from benchmarks.own_cohort.cohort import LABELS, store_of
from hifisyn.base.for_choice import with_base
from hifisyn.methods.adapted import trainer as adapted
from hifisyn.planning.device import Device
from hifisyn.planning.planner import complete, for_method
from hifisyn.plans import Plans
from hifisyn.simulation.label_maps import find_maps
from hifisyn.training import checkpoint
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.contract import Trainer
from hifisyn.training.job import Job, Options
from hifisyn.training.loop import train
from hifisyn.training.pretrained import Pretrained, adopt_sizes
from hifisyn.training.registry import trainer_class
from hifisyn.training.step import take_step

DEVICE = Device("cpu", 16.0, 1, 4.0)
JUDGED_BY = 4  # training cases that the weights are chosen by, where no pair is
PROBED = 6  # steps whose time tells how many fit
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """A way to train.

    Attributes:
        method: of the registry.
        settings: changes of its plans.
        from_base: whether it starts from the base model's weights; Adapted always does.
        maps: whether simulated batches are of label maps.
        seconds: processor time of the training; none: as long as planned.
    """

    method: str
    settings: tuple[str, ...] = ()
    from_base: bool = False
    maps: bool = False
    seconds: float | None = None

    @property
    def trainer(self) -> type[Trainer]:
        """The method's class."""
        return trainer_class(self.method)


@dataclass(frozen=True)
class Trained:
    """A training that ended.

    Attributes:
        trainer: with the weights that were chosen.
        plans: by which it was trained.
        seconds: of processor time, validation included; 0 where it was there.
        epoch: that was chosen.
    """

    trainer: Trainer
    plans: Plans
    seconds: float
    epoch: int


def trained(way: Way, folder: Path, cases: Sequence[Case], contrasts: tuple[str, ...], heads: Path | None) -> Trained:
    """Train one way on some cases, or read what was trained.

    Args:
        way: how.
        folder: of the training.
        cases: to learn from.
        contrasts: sorted.
        heads: label maps.
    """
    job = job_of(way, folder, cases, contrasts, heads)
    begun = time.process_time()
    if not (folder / checkpoint.FINAL).exists():
        folder.mkdir(parents=True, exist_ok=True)
        resume = (folder / checkpoint.LATEST).exists()
        if train(with_base(job), Options("cpu", resume=resume, force_long=True)):
            raise SystemExit("stopped; the same command goes on")
    content = checkpoint.load(folder / checkpoint.BEST)
    trainer = job.new_trainer(torch.device("cpu"))
    checkpoint.restore(content, trainer)
    return Trained(trainer, job.plans, time.process_time() - begun, int(content["progress"]["epoch"]))


def job_of(way: Way, folder: Path, cases: Sequence[Case], contrasts: tuple[str, ...], heads: Path | None) -> Job:
    """Return the job of a training, as `hifisyn_train` makes it."""
    paired = way.trainer.NEEDS.pairs
    store = store_of(folder / "slices", cases, contrasts, paired=paired)
    base = plans_of(cases, contrasts, way)
    start = Pretrained.of_base(way.trainer, base) if way.from_base or way.trainer.ADAPTS_BASE else None
    unchanged = base if start is None else adopt_sizes(base, start)
    names = tuple(case.name for case in cases)
    job = Job(
        way.trainer,
        complete(unchanged.override(list(way.settings)), way.trainer, "settings"),
        contrasts,
        store,
        names,
        () if paired else names[:JUDGED_BY],
        folder,
        {case.name: case.patient for case in cases},
        pretrained=start,
        maps=tuple(find_maps(heads)) if way.maps and heads else (),
    )
    return job if way.seconds is None else _as_long_as(job, way.seconds)


def plans_of(cases: Sequence[Case], contrasts: tuple[str, ...], way: Way) -> Plans:
    """Return the plans that a method makes for slices of this size on one core."""
    about = {"dataset": "OWN", "modalities": contrasts, "labels": LABELS}
    size = cases[0].brain.shape[-1]
    slices = {"size": size, "crop": size, "pixel_mm": cases[0].pixel_mm}
    shared = Plans.checked(about | {"slices": slices, "preprocessing": {"reference": contrasts[-1]}}, "own_cohort")
    subjects = len({case.patient for case in cases})
    structures = {tissue: {"cases": len(cases), "median_ml": 100.0} for tissue in LABELS}
    fingerprint = about | {"digest": "", "structures": structures, "subjects": subjects}
    return for_method(shared, way.trainer, way.method, fingerprint, DEVICE)


@contextmanager
def with_two_subjects() -> Iterator[None]:
    """Let Adapted learn from two subjects, which it refuses: three is its rule."""
    rule = adapted.FEWEST_SUBJECTS
    adapted.FEWEST_SUBJECTS = 2
    try:
        yield
    finally:
        adapted.FEWEST_SUBJECTS = rule


def _as_long_as(job: Job, seconds: float) -> Job:
    """Return a job of as many steps as fit into processor time, written down beside it; epochs of a tenth."""
    note = job.folder / "steps.txt"
    if not note.exists():
        each = _seconds_a_step(job)
        note.write_text(f"{max(10, int(seconds / each))}\n")
    each = max(1, int(note.read_text()) // 10)
    length = ["length.epochs=10", f"length.iterations={each}"]
    return Job(**(vars(job) | {"plans": job.plans.override(length)}))


def _seconds_a_step(job: Job) -> float:
    trainer, source = job.new_trainer(torch.device("cpu")).train(), job.source()
    cohort = job.cohort()
    if cohort is not None and job.store is not None:
        trainer.study(job.store, cohort)
    optimizers = trainer.optimizers()
    begun = 0.0
    with Batches(BatchLoader(source)) as batches:
        for step in range(PROBED + 1):
            take_step(trainer, optimizers, next(batches), seed=0)
            begun = time.process_time() if step == 0 else begun
    return (time.process_time() - begun) / PROBED
