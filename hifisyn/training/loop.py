"""The one loop that trains every method; killed at any moment and resumed, it ends in the same weights on a CPU."""

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace

import torch

from hifisyn.engine.held import held
from hifisyn.engine.lock import only_reading
from hifisyn.engine.progress import duration
from hifisyn.engine.resources import allowed_cpus
from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.training import announce, checkpoint, training_scans
from hifisyn.training.average import WeightAverage
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.chosen_by import ChosenBy
from hifisyn.training.distributed import Ranks, broadcast_state, joined, largest
from hifisyn.training.duration import WORTH_MEASURING, check_length, seconds_a_step
from hifisyn.training.interrupts import Interrupts
from hifisyn.training.job import Job, Options
from hifisyn.training.logbook import Logbook, Tally
from hifisyn.training.picture import DIAGNOSTIC, LOSS, RATE, Row
from hifisyn.training.rates import set_rates
from hifisyn.training.step import resolve_device, resolve_precision, take_step
from hifisyn.training.summary import summarise
from hifisyn.training.validation import measure, translate_all, write_sheets
from hifisyn.training.without_pairs import measure_without_pairs

log = logging.getLogger(__name__)
SHEETS = 20
SILENT_SECONDS = 60.0
PATIENCE = 4  # epochs that do not rise above the best, after which a method that moves the base model ends


def train(job: Job, options: Options | None = None) -> int:
    """Train until the end of the plan, or until a signal.

    Under torchrun every process calls this; rank 0 writes and logs.

    Returns:
        0 at the end, else the number of the signal (SIGINT, SIGTERM) after which the state was saved.

    Raises:
        UserError: nothing to resume, a device that is not there, memory that does not suffice, data that do not
            fit, losses that are no longer finite, or a training that would take days.
    """
    options = options or Options()
    ranks = Ranks.from_environment()
    device = resolve_device(options.device, ranks.local)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
    try:
        with joined(ranks, device), _alone(job, ranks):
            options = replace(options, resume=bool(largest(int(options.resume), device)))  # all processes alike
            return _Run(job, options, ranks, device).run()
    except torch.OutOfMemoryError:
        raise UserError(
            f"out of memory on {device} with batch size {job.plans.optimisation.batch_size}",
            hint="pass --set batch_size=1, or make a smaller plan with hifisyn_plan_and_preprocess --device-memory GB",
        ) from None


@contextmanager
def _alone(job: Job, ranks: Ranks) -> Iterator[None]:
    """Let no other process write into the fold, nor into the slices, while this one trains."""
    with ExitStack() as stack:
        if ranks.main:
            stack.enter_context(held(job.folder))
        if ranks.main and job.store is not None:
            stack.enter_context(only_reading(job.store.folder))
        yield


class _Run:
    """A training in progress: networks, optimizers, and where in the run it is."""

    def __init__(self, job: Job, options: Options, ranks: Ranks, device: torch.device) -> None:
        self.job, self.ranks, self.device = job, ranks, device
        self.name = options.name
        self.precision = resolve_precision(options.precision, device)
        self.workers = default_workers(device) if options.workers is None else options.workers
        self.source = job.source(ranks.rank)
        self.validation = job.validation(job.val)
        self.expected = job.expected(self.validation) if ranks.main else {}
        self.iteration, self.best, self.spent = 0, -math.inf, 0.0
        self.tally = Tally()
        self.logbook = Logbook(job.folder, job.plans.length.epochs)
        if ranks.main:
            how = f"device {device}, {self.precision}, {self.workers} reading processes, seed {job.seed}"
            for line in (*announce.describe_job(job), how, *announce.describe_validation(self.validation)):
                self._report(line)
            if not options.resume and ranks.world == 1 and job.plans.length.total >= WORTH_MEASURING:
                seconds = seconds_a_step(job, device, self.precision)
                self._report(check_length(job.plans, seconds, device, force_long=options.force_long))
        self.trainer = job.new_trainer(device).train()
        self.rates, self.optimizers = self.trainer.learning_rates(), self.trainer.optimizers()
        self.average = self._new_average()
        if options.resume:
            self._load()
        else:
            self._study()
            if ranks.main:
                training_scans.write(job)
        broadcast_state(self.trainer.networks)

    def _study(self) -> None:
        cohort = self.job.cohort()
        if self.job.store is not None and cohort is not None:
            self.trainer.study(self.job.store, cohort)

    def _new_average(self) -> WeightAverage | None:
        decay, way = self.job.plans.average_decay, self.trainer.way
        if not decay and way == 1:
            return None
        return WeightAverage(self.trainer.networks, self.trainer.averaged(), decay or 0.0, way)

    def run(self) -> int:
        """Train, then save and validate what came out; return 0, or the signal that ended it."""
        loader = BatchLoader(self.source, start=self.iteration, workers=self.workers)
        with Interrupts() as interrupts, Batches(loader, self.workers) as batches:
            stopped = self._train(batches, interrupts)
        if not stopped and self.ranks.main:
            self._save(checkpoint.FINAL)
            self.logbook.write()
            self._report(summarise(self.job, self.trainer))
        return stopped

    def _train(self, batches: Batches, interrupts: Interrupts) -> int:
        self.begun = self.reported = time.monotonic()
        if self.job.trainer.ADAPTS_BASE and not self.iteration and self.ranks.main:
            self._save(checkpoint.LATEST)
            self._keep_if_best(self._score(self._validate()))
        while self.iteration < self.job.plans.length.total and not largest(int(self._rises_no_more()), self.device):
            self._step(batches)
            stopped = largest(interrupts.signal, self.device)
            if self.iteration % self.job.plans.length.iterations == 0:
                self._end_epoch()
            elif stopped and self.ranks.main:
                self.spent += time.monotonic() - self.begun
                self._save(checkpoint.LATEST)
            if stopped:
                return stopped
            self._report_step()
        return 0

    def _report(self, line: str) -> None:
        """Log a line, if this is the process that does so."""
        if self.ranks.main:
            log.info(f"{self.name}: {line}" if self.name else line)

    def _report_step(self) -> None:
        """Log a line now and then where an epoch takes long."""
        now, each = time.monotonic(), self.job.plans.length.iterations
        done = self.iteration % each
        if done and now - self.reported > SILENT_SECONDS:
            left = (self.spent + now - self.begun) / done * (each - done)
            self._report(f"epoch {self.epoch}: step {done} of {each}, {duration(left)} left in the epoch")
            self.reported = now

    def _step(self, batches: Batches) -> None:
        share = {group: self.trainer.rate_share(group, self.iteration) for group in self.rates}
        set_rates(self.optimizers, {group: rate * share[group] for group, rate in self.rates.items()})
        losses = take_step(
            self.trainer,
            self.optimizers,
            next(batches),
            average=self.average,
            seed=self.job.seed,
            rank=self.ranks.rank,
            precision=self.precision,
        )
        self.tally.add(losses)
        self.iteration += 1

    def _end_epoch(self) -> None:
        means = self.tally.means()
        _refuse_nonfinite(means, self.epoch)
        if self.ranks.main:
            numbers = self._validate()
            row: Row = {"epoch": self.epoch, "iteration": self.iteration}
            row |= {LOSS + name: value for name, value in means.items()} | numbers
            row |= {DIAGNOSTIC + name: value for name, value in self.trainer.diagnostics().items()}
            row |= {RATE + group: float(o.param_groups[0]["lr"]) for group, o in self.optimizers.items()}
            row["seconds"] = self.spent + time.monotonic() - self.begun
            if self.device.type == "cuda":
                row["gpu_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
            self._report(self.logbook.add(row))
            self.reported = time.monotonic()
        self.tally, self.spent, self.begun = Tally(), 0.0, time.monotonic()
        if self.ranks.main:
            self._save(checkpoint.LATEST)  # before `best`, which follows from it where a run ends between the two
            self._keep_if_best(self._score(numbers))

    @property
    def epoch(self) -> int:
        """Number of the epoch that the last step belongs to, from 1."""
        return math.ceil(self.iteration / self.job.plans.length.iterations)

    def _validate(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        with self.average.applied() if self.average else nullcontext():
            synthetic = translate_all(self.trainer, self.validation)
            without_pairs = measure_without_pairs(self.trainer, self.validation, self.expected, synthetic)
        epochs = self.job.plans.length.epochs
        if self.epoch % max(1, epochs // SHEETS) == 0 or self.epoch == epochs:
            write_sheets(self.job.folder / "samples", f"epoch_{self.epoch:04d}", self.validation, synthetic)
        return measure(self.validation, synthetic) | without_pairs

    def _keep_if_best(self, value: float | None) -> None:
        """Write `best` if this epoch is; where nothing is validated the newest is."""
        if value is None or value > self.best:
            self.best = self.best if value is None else value
            self._save(checkpoint.BEST)

    def _rises_no_more(self) -> bool:
        """Return whether a method that moves the base model has not become better for some epochs."""
        if not self.job.trainer.ADAPTS_BASE or not self.ranks.main:
            return False
        last = [self._score(row) for row in self.logbook.rows[-PATIENCE:]]
        return len(last) == PATIENCE and all(value is not None and value < self.best for value in last)

    def _score(self, numbers: Mapping[str, float]) -> float | None:
        return ChosenBy.of(self.validation).score(numbers)

    def _save(self, name: str) -> None:
        """Write a checkpoint; only the latest holds what is needed to go on."""
        checkpoint.save(
            self.job.folder / name,
            self.trainer,
            average=self.average,
            optimizers=self.optimizers if name == checkpoint.LATEST else None,
            progress={
                "iteration": self.iteration,
                "first_total": self.trainer.first_total,
                "epoch": self.epoch,
                "seed": self.job.seed,
                "threads": torch.get_num_threads(),
                "best": self.best,
                "seconds": self.spent,
                "losses": self.tally.values(),
                "rows": self.logbook.rows,
            },
        )

    def _load(self) -> None:
        path = self.job.folder / checkpoint.LATEST
        if not path.exists():
            raise UserError(f"{path} must exist to resume", hint="train without --resume")
        content = checkpoint.load(path, self.device)
        progress = content["progress"]
        if progress["seed"] != self.job.seed:
            raise UserError(
                f"--seed must be that of {path}, {progress['seed']}",
                got=self.job.seed,
                hint=f"resume with --seed {progress['seed']}",
            )
        if self.device.type == "cpu":
            torch.set_num_threads(progress["threads"])  # sums over other numbers of threads round differently
        checkpoint.restore(content, self.trainer, self.optimizers, average=self.average, randomness=True)
        if self.average and not content["average"]:  # a run so short that it had none is longer now
            self.average = self._new_average()
        self.trainer.first_total = progress["first_total"]
        self.iteration, self.best, self.spent = progress["iteration"], progress["best"], progress["seconds"]
        self.tally = Tally(progress["losses"])
        self.logbook.rows = progress["rows"]
        self.logbook.write(picture=False)
        if self.logbook.rows and self.iteration % self.job.plans.length.iterations == 0 and self.ranks.main:
            self._keep_if_best(self._score(self.logbook.rows[-1]))
        self._report(f"resumed after step {self.iteration} of {self.job.plans.length.total}")
        before = Plans.checked(content["plans"], str(path)).length.epochs
        if before != self.job.plans.length.epochs:
            rates = {group: r * self.trainer.rate_share(group, self.iteration) for group, r in self.rates.items()}
            self._report(announce.describe_longer_run(before, self.job.plans.length.epochs, rates))


def default_workers(device: torch.device) -> int:
    """Return how many processes read: none on a CPU, where steps are long; else up to 3 of the cores."""
    return 0 if device.type == "cpu" else min(3, allowed_cpus() - 1)


def _refuse_nonfinite(means: dict[str, float], epoch: int) -> None:
    bad = [name for name, value in means.items() if not math.isfinite(value)]
    if bad:
        raise UserError(
            f"losses must be finite; in epoch {epoch} {', '.join(bad)} are not",
            hint="train again with a lower rate (--set lr=...) or with --precision fp32; the last checkpoint is of the "
            "epoch before",
        )
