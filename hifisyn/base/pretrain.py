"""Trains the base model on simulated heads; killed at any moment and resumed, it ends in the same weights on a CPU."""

import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hifisyn.base import checkpoint, weights
from hifisyn.base.batches import Batches
from hifisyn.base.heads import Heads, simulate
from hifisyn.base.loss import losses
from hifisyn.base.rates import one_cycle
from hifisyn.base.settings import BaseSettings
from hifisyn.base.unet import BaseNetwork
from hifisyn.base.validation import Validation
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.files import read_json, write_json
from hifisyn.paths import METRICS_CSV, PROGRESS_PNG
from hifisyn.training.average import WeightAverage
from hifisyn.training.checkpoint import versions
from hifisyn.training.interrupts import Interrupts
from hifisyn.training.logbook import Logbook, Tally
from hifisyn.training.picture import LOSS, RATE, Row
from hifisyn.training.rates import set_rates
from hifisyn.training.step import resolve_device

log = logging.getLogger(__name__)
GROUP = "base"
SETTINGS, HEADS, SAMPLES = "settings.json", "heads", "samples"
LARGEST_GRADIENT = 1.0
SILENT_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """What to train.

    Attributes:
        folder: of the training.
        maps: folder of label maps; none: the phantom's own anatomy.
        settings: of the training.
        seed: of heads, weights and draws.
        heads: where simulated heads are kept; none: in the folder of the training.
        device: auto, cpu, cuda, cuda:1 or mps.
        processes: that simulate heads; none: as many as fit.
        resume: go on from the last state.
        command: the line that was typed.
    """

    folder: Path
    maps: Path | None = None
    settings: BaseSettings = field(default_factory=BaseSettings)
    seed: int = 0
    heads: Path | None = None
    device: str = "auto"
    processes: int | None = None
    resume: bool = False
    command: str = ""


def pretrain(request: Request) -> int:
    """Simulate the heads that are missing, and train until the last step or a signal.

    Returns:
        0 at the end, else the number of the signal (SIGINT, SIGTERM) after which the state was saved.

    Raises:
        UserError: nothing to continue or something that is in the way, other settings than before, or losses that are
            no longer finite.
    """
    device = resolve_device(request.device)
    _write_settings(request)
    where = request.heads or request.folder / HEADS
    names = simulate(where, request.maps, request.seed, request.settings.simulation, request.processes)
    kept = min(request.settings.simulation.kept, len(names) - 1)
    return _Run(request, Heads(where, names[:-kept]), Heads(where, names[-kept:]), device).run()


def clear(folder: Path) -> None:
    """Remove what a training left in a folder, but for its simulated heads."""
    for name in (
        SETTINGS,
        checkpoint.LATEST,
        weights.WEIGHTS,
        weights.WEIGHTS + weights.HASH,
        METRICS_CSV,
        PROGRESS_PNG,
    ):
        (folder / name).unlink(missing_ok=True)
    for picture in (folder / SAMPLES).glob("step_*.png"):
        picture.unlink()


class _Run:
    """A training in progress: network, optimizer, and where in the run it is."""

    def __init__(self, request: Request, heads: Heads, kept: Heads, device: torch.device) -> None:
        self.request, self.settings, self.device = request, request.settings, device
        s = self.settings
        self.batches = Batches(heads, s.inputs, request.seed, s.batch_size)
        self.validation = Validation(kept)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(request.seed)
            self.network = BaseNetwork(s.width)
        self.network.to(device).train()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=s.lr, weight_decay=s.weight_decay)
        self.average = WeightAverage(self.network, [self.network], s.average_decay)
        self.logbook = Logbook(request.folder, math.ceil(s.steps / s.every))
        self.tally, self.step, self.spent = Tally(), 0, 0.0
        if request.resume:
            self._load()
        count = sum(p.numel() for p in self.network.parameters())
        log.info(f"{len(heads.heads)} heads, {count:,} weights, device {device}, seed {request.seed}")

    def run(self) -> int:
        """Train; return 0, or the signal that ended it."""
        self.begun = self.reported = time.monotonic()
        with Interrupts() as interrupts:
            while self.step < self.settings.steps:
                self._take_step()
                ended = self.step % self.settings.every == 0 or self.step == self.settings.steps
                if ended:
                    self._end_round()
                if interrupts.signal:
                    if not ended:
                        self.spent += time.monotonic() - self.begun
                        self._save()
                    return interrupts.signal
                self._report_step()
        self.logbook.write()
        digest = self._write_weights()
        log.info(f"wrote {self.request.folder / weights.WEIGHTS}, SHA-256 {digest}")
        return 0

    def _take_step(self) -> None:
        s, batch = self.settings, self.batches.read(self.step).to(self.device)
        set_rates({GROUP: self.optimizer}, {GROUP: s.lr * one_cycle(self.step, s.steps, s.warm_up)})
        with torch.autocast(self.device.type, torch.bfloat16, enabled=s.precision == "bfloat16"):
            output = self.network(batch.slices, batch.condition)
        terms = losses(output, batch.targets, batch.brain, batch.weights, s.likelihood)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(terms["l1"] + terms["laplace"])
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.average.update()
        self.tally.add({f"{GROUP}/{name}": term.detach() for name, term in terms.items()})
        self.step += 1

    def _end_round(self) -> None:
        number, means = math.ceil(self.step / self.settings.every), self.tally.means()
        if not all(math.isfinite(mean) for mean in means.values()):
            raise UserError("losses must be finite", got=means, hint="train again with a lower rate (--set lr=...)")
        with self.average.applied():
            found = self.validation.translate(self.network, self.device)
        row: Row = {"epoch": number, "iteration": self.step}
        row |= {LOSS + name: mean for name, mean in means.items()} | self.validation.measure(found)
        row[f"{RATE}{GROUP}"] = float(self.optimizer.param_groups[0]["lr"])
        row["seconds"] = self.spent + time.monotonic() - self.begun
        log.info(self.logbook.add(row))
        self.tally, self.spent, self.begun = Tally(), 0.0, time.monotonic()
        self.reported = self.begun
        self._save()
        self._write_weights()
        picture = self.request.folder / SAMPLES / f"step_{self.step:06d}.png"
        self.validation.draw(picture, found, f"step {self.step}: from T1 alone, heads not trained on")

    def _report_step(self) -> None:
        now, done = time.monotonic(), self.step % self.settings.every
        if done and now - self.reported > SILENT_SECONDS:
            left = (self.spent + now - self.begun) / done * (self.settings.steps - self.step)
            log.info(f"step {self.step} of {self.settings.steps}, {duration(left)} left")
            self.reported = now

    def _write_weights(self) -> str:
        card = {
            "step": self.step,
            "seed": self.request.seed,
            "settings": self.settings.model_dump(mode="json"),
            "command": self.request.command,
            "versions": versions(),
        }
        with self.average.applied():
            return weights.write(self.request.folder / weights.WEIGHTS, self.network, card)

    def _save(self) -> None:
        content = {
            "network": self.network.state_dict(),
            "average": self.average.state(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "threads": torch.get_num_threads(),
            "seconds": self.spent,
            "losses": self.tally.values(),
            "rows": self.logbook.rows,
        }
        checkpoint.save(self.request.folder / checkpoint.LATEST, content)

    def _load(self) -> None:
        content = checkpoint.load(self.request.folder / checkpoint.LATEST)
        if self.device.type == "cpu":
            torch.set_num_threads(content["threads"])  # sums over other numbers of threads round differently
        self.network.load_state_dict(content["network"])
        self.average.load(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.spent, self.tally = content["step"], content["seconds"], Tally(content["losses"])
        self.logbook.rows = content["rows"]
        log.info(f"resumed after step {self.step} of {self.settings.steps}")


def _write_settings(request: Request) -> None:
    """Write the settings beside the run.

    Raises:
        UserError: a run is there and is not to be continued, or was begun with others.
    """
    file = request.folder / SETTINGS
    asked: dict[str, Any] = {
        "seed": request.seed,
        "maps": str(request.maps) if request.maps else None,
        "settings": request.settings.model_dump(mode="json"),
    }
    if file.exists() and not request.resume:
        raise UserError(f"{request.folder} already holds a training", hint="pass --overwrite or --continue")
    if request.resume and file.exists():
        before = read_json(file)
        if changed := [key for key in asked if before.get(key) != asked[key]]:
            raise UserError(f"{', '.join(changed)} must be as in {file} to continue", hint="pass --overwrite")
        return
    write_json(file, {**asked, "command": request.command, "versions": versions()})
