"""Trains the brain network on simulated whole heads, each made when it is needed and never again."""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hifisyn.base.run import Request, Run, Seen, write_settings
from hifisyn.brain_network import weights
from hifisyn.brain_network.network import BrainNetwork
from hifisyn.brain_training.batches import BrainBatches
from hifisyn.brain_training.loss import losses
from hifisyn.brain_training.settings import BrainSettings
from hifisyn.brain_training.validation import Validation
from hifisyn.errors import UserError
from hifisyn.networks.precision import wide
from hifisyn.simulation.label_maps import find_maps
from hifisyn.training.picture import LOSS
from hifisyn.training.step import resolve_device


def pretrain(request: Request[BrainSettings]) -> int:
    """Train until the last step or a signal.

    Returns:
        0 at the end, else the number of the signal (SIGINT, SIGTERM) after which the state was saved.

    Raises:
        UserError: no label maps, nothing to continue or something that is in the way, other settings than before, or
            losses that are no longer finite.
    """
    if request.maps is None:
        raise UserError(
            "a brain network needs label maps of whole heads",
            got="none: the phantom's own anatomy has no skull",
            hint="name their folder by --heads",
        )
    device = resolve_device(request.device)
    maps = find_maps(request.maps)
    write_settings(request, what="mask")
    task = BrainTask(request.settings, request.seed, maps, device)
    return Run(request, task, device).run()


class BrainTask:
    """The brain network's training, as `Run` takes it.

    Args:
        settings: of the training.
        seed: of weights and draws.
        maps: label maps of whole heads.
        device: to train on.
    """

    name = "brain"
    weights = weights.WEIGHTS

    def __init__(self, settings: BrainSettings, seed: int, maps: list[Path], device: torch.device) -> None:
        self.settings, self.device = settings, device
        self.batches = BrainBatches(maps, settings, seed)
        self.validation = Validation(self.batches, settings.kept)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = BrainNetwork(settings.width)
        self.network.to(device).train()
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # a third faster on a CPU

    def losses(self, step: int) -> dict[str, Tensor]:
        """Return the terms of a step."""
        batch = self.batches.read(step).to(self.device)
        scans = batch.scans.contiguous(memory_format=torch.channels_last_3d)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            logits = self.network(scans)
        return losses(wide(logits), batch.brain, self.settings.overlap)

    def after_step(self) -> None:
        """All state is in the weights."""

    def look(self) -> Seen:
        """Find the brains of the heads that were kept."""
        found = self.validation.find(self.network, self.device)
        return Seen({f"{LOSS}kept/mask": self.validation.measure(found)}, partial(self.validation.draw, found))

    def write(self, path: Path, card: dict[str, object]) -> str:
        """Write the weights; return the file's SHA-256."""
        return weights.write(path, self.network, card)
