"""Trains the base model on simulated heads."""

import logging
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hifisyn.base import weights
from hifisyn.base.batches import Batches
from hifisyn.base.heads import Heads, simulate
from hifisyn.base.loss import losses
from hifisyn.base.naming_fit import fit_naming
from hifisyn.base.run import Request, Run, Seen, write_settings
from hifisyn.base.settings import BaseSettings
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.base.validation import Validation
from hifisyn.training.step import resolve_device

log = logging.getLogger(__name__)
HEADS = "heads"


def pretrain(request: Request[BaseSettings]) -> int:
    """Simulate the heads that are missing, and train until the last step or a signal.

    Returns:
        0 at the end, else the number of the signal (SIGINT, SIGTERM) after which the state was saved.

    Raises:
        UserError: nothing to continue or something that is in the way, other settings than before, or losses that are
            no longer finite.
    """
    device = resolve_device(request.device)
    write_settings(request)
    where = request.heads or request.folder / HEADS
    names = simulate(where, request.maps, request.seed, request.settings.simulation, request.processes)
    kept = min(request.settings.simulation.kept, len(names) - 1)
    task = BaseTask(request.settings, request.seed, Heads(where, names[:-kept]), Heads(where, names[-kept:]), device)
    ended = Run(request, task, device).run()
    if not ended:
        _name(request, Heads(where, names))
    return ended


def _name(request: Request[BaseSettings], heads: Heads) -> None:
    """Fit the naming of contrasts, and write the weights with it."""
    file = request.folder / weights.WEIGHTS
    read = weights.read(file)
    naming = fit_naming(BaseModel.load(file), heads, request.settings.inputs, request.seed)
    digest = weights.write(file, read.network, read.card, read.calibration, naming)
    log.info(f"{file} names contrasts now, SHA-256 {digest}")


class BaseTask:
    """The base model's training, as `Run` takes it.

    Args:
        settings: of the training.
        seed: of weights and draws.
        heads: to train on.
        kept: to look at.
        device: to train on.
    """

    name = "base"
    weights = weights.WEIGHTS

    def __init__(self, settings: BaseSettings, seed: int, heads: Heads, kept: Heads, device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.batches = Batches(heads, settings.inputs, seed, settings.batch_size)
        self.validation = Validation(kept)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = BaseNetwork(settings.width)
        self.network.to(device).train()

    def losses(self, step: int) -> dict[str, Tensor]:
        """Return the terms of a step."""
        batch = self.batches.read(step).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            output = self.network(batch.slices, batch.condition)
        return losses(output, batch.targets, batch.brain, batch.weights, self.settings.likelihood)

    def after_step(self) -> None:
        """All state is in the weights."""

    def look(self) -> Seen:
        """Translate slices of the heads that were kept."""
        found = self.validation.translate(self.network, self.device)
        return Seen(self.validation.measure(found), partial(self.validation.draw, found))

    def write(self, path: Path, card: dict[str, object]) -> str:
        """Write the weights; return the file's SHA-256."""
        return weights.write(path, self.network, card)
