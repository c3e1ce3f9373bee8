"""A training on simulated heads, step by step; killed and resumed, it ends in the same weights on a CPU."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from hifisyn.base import checkpoint
from hifisyn.base.rates import one_cycle
from hifisyn.base.settings import RunSettings
from hifisyn.engine.held import held
from hifisyn.engine.progress import duration
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_object
from hifisyn.networks.weights_file import HASH
from hifisyn.paths import METRICS_CSV, PROGRESS_PNG
from hifisyn.training.average import WeightAverage
from hifisyn.training.checkpoint import versions
from hifisyn.training.interrupts import Interrupts
from hifisyn.training.logbook import Logbook, Tally
from hifisyn.training.picture import LOSS, RATE, Row
from hifisyn.training.rates import set_rates

log = logging.getLogger(__name__)
SETTINGS, SAMPLES = "settings.json", "samples"
LARGEST_GRADIENT = 1.0
SILENT_SECONDS = 60.0
SettingsT = TypeVar("SettingsT", bound=RunSettings)


@dataclass(frozen=True)
class Request(Generic[SettingsT]):
    """What to train.

    Attributes:
        folder: of the training.
        settings: of the training.
        maps: folder of label maps; none: the phantom's own anatomy.
        seed: of heads, weights and draws.
        device: auto, cpu, cuda, cuda:1 or mps.
        heads: where simulated heads are kept; none: in the folder of the training.
        processes: that simulate heads; none: as many as fit.
        resume: go on from the last state.
        command: the line that was typed.
    """

    folder: Path
    settings: SettingsT
    maps: Path | None = None
    seed: int = 0
    device: str = "auto"
    heads: Path | None = None
    processes: int | None = None
    resume: bool = False
    command: str = ""


@dataclass(frozen=True)
class Seen:
    """What a network makes of heads that it is not trained on.

    Attributes:
        numbers: columns of the logbook.
        draw: writes a picture of it into a file, of a step.
    """

    numbers: dict[str, float]
    draw: Callable[[Path, int], None]


class Task(Protocol):
    """What is trained: a network, and how it is.

    Attributes:
        name: of the losses.
        weights: name of the file of weights.
    """

    name: str
    weights: str

    @property
    def network(self) -> nn.Module:
        """The network, on the device already and in training mode."""
        ...

    def losses(self, step: int) -> dict[str, Tensor]:
        """Return the terms of a step, which add up."""
        ...

    def after_step(self) -> None:
        """Do what follows once the weights have moved."""
        ...

    def look(self) -> Seen:
        """Look at the heads that were kept."""
        ...

    def write(self, path: Path, card: dict[str, object]) -> str:
        """Write the weights; return the file's SHA-256."""
        ...


class Run(Generic[SettingsT]):
    """A training in progress: network, optimizer, and where in the run it is.

    Args:
        request: what was asked for.
        task: what is trained.
        device: that its network is on.
    """

    def __init__(self, request: Request[SettingsT], task: Task, device: torch.device) -> None:
        self.request, self.task, self.device = request, task, device
        self.settings = s = request.settings
        parameters = task.network.parameters()
        self.optimizer = torch.optim.AdamW(parameters, lr=s.lr, weight_decay=s.weight_decay)
        self.average = WeightAverage(task.network, [task.network], s.average_decay)
        self.logbook = Logbook(request.folder, math.ceil(s.steps / s.every))
        self.tally, self.step, self.spent = Tally(), 0, 0.0
        if request.resume:
            self._load()
        count = sum(p.numel() for p in task.network.parameters())
        log.info(f"{count:,} weights, device {device}, seed {request.seed}")

    def run(self) -> int:
        """Train; return 0, or the signal that ended it.

        Raises:
            UserError: another process trains in this folder.
        """
        with held(self.request.folder, [self.request.folder / SAMPLES]):
            return self._run()

    def _run(self) -> int:
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
        log.info(f"wrote {self.request.folder / self.task.weights}, SHA-256 {digest}")
        return 0

    def _take_step(self) -> None:
        s, name = self.settings, self.task.name
        set_rates({name: self.optimizer}, {name: s.lr * one_cycle(self.step, s.steps, s.warm_up)})
        terms = self.task.losses(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(sum(terms.values(), torch.zeros((), device=self.device)))
        torch.nn.utils.clip_grad_norm_(self.task.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.task.after_step()
        self.average.update()
        self.tally.add({f"{name}/{term}": value.detach() for term, value in terms.items()})
        self.step += 1

    def _end_round(self) -> None:
        number, means = math.ceil(self.step / self.settings.every), self.tally.means()
        if not all(math.isfinite(mean) for mean in means.values()):
            raise UserError("losses must be finite", got=means, hint="train again with a lower rate (--set lr=...)")
        with self.average.applied():
            seen = self.task.look()
        row: Row = {"epoch": number, "iteration": self.step}
        row |= {LOSS + name: mean for name, mean in means.items()} | seen.numbers
        row[f"{RATE}{self.task.name}"] = float(self.optimizer.param_groups[0]["lr"])
        row["seconds"] = self.spent + time.monotonic() - self.begun
        log.info(self.logbook.add(row))
        self.tally, self.spent, self.begun = Tally(), 0.0, time.monotonic()
        self.reported = self.begun
        self._save()
        self._write_weights()
        seen.draw(self.request.folder / SAMPLES / f"step_{self.step:06d}.png", self.step)

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
            return self.task.write(self.request.folder / self.task.weights, card)

    def _save(self) -> None:
        content = {
            "network": self.task.network.state_dict(),
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
        self.task.network.load_state_dict(content["network"])
        self.average.load(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.spent, self.tally = content["step"], content["seconds"], Tally(content["losses"])
        self.logbook.rows = content["rows"]
        log.info(f"resumed after step {self.step} of {self.settings.steps}")


def clear(folder: Path, weights: str) -> None:
    """Remove what a training left in a folder, but for its simulated heads."""
    for name in (SETTINGS, checkpoint.LATEST, weights, weights + HASH, METRICS_CSV, PROGRESS_PNG):
        (folder / name).unlink(missing_ok=True)
    for picture in (folder / SAMPLES).glob("step_*.png"):
        picture.unlink()


def write_settings(request: Request[SettingsT], **more: Any) -> None:
    """Write the settings beside the run, and what else must stay the same.

    Raises:
        UserError: a run is there and is not to be continued, or was begun with others.
    """
    file = request.folder / SETTINGS
    asked: dict[str, Any] = {
        "seed": request.seed,
        "maps": str(request.maps) if request.maps else None,
        "settings": request.settings.model_dump(mode="json"),
        **more,
    }
    if file.exists() and not request.resume:
        raise UserError(f"{request.folder} already holds a training", hint="pass --overwrite or --continue")
    if request.resume and file.exists():
        before = read_object(file)
        if changed := [key for key in asked if before.get(key) != asked[key]]:
            raise UserError(f"{', '.join(changed)} must be as in {file} to continue", hint="pass --overwrite")
        return
    write_json(file, {**asked, "command": request.command, "versions": versions()})
