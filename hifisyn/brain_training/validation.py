"""Heads that are not trained on, looked at now and then: overlap, and a picture."""

from pathlib import Path

import numpy as np
import torch

from hifisyn.brain_network.network import BrainNetwork
from hifisyn.brain_training.batches import KEPT_FROM, BrainBatches
from hifisyn.brain_training.loss import dice
from hifisyn.pictures import sheet

SHOWN = 6


class Validation:
    """Some heads.

    Args:
        batches: that make them.
        count: how many.
    """

    def __init__(self, batches: BrainBatches, count: int) -> None:
        self.batches = [batches.read(KEPT_FROM + n) for n in range(count)]

    def find(self, network: BrainNetwork, device: torch.device) -> list[torch.Tensor]:
        """Return how likely each voxel of every batch is brain."""
        network.eval()
        with torch.inference_mode():
            found = [network(batch.scans.to(device)).sigmoid().cpu() for batch in self.batches]
        network.train()
        return found

    def measure(self, found: list[torch.Tensor]) -> float:
        """Return 1 - Dice of the masks, the mean where there is a brain."""
        overlaps: list[float] = []
        for batch, likely in zip(self.batches, found, strict=True):
            there = batch.brain.flatten(1).any(dim=1)
            overlaps += dice((likely > 0.5).float(), (batch.brain > 0.5).float())[there].tolist()
        return 1 - float(np.mean(overlaps))

    def draw(self, found: list[torch.Tensor], path: Path, step: int) -> None:
        """Write a sheet: the middle slices of some scans, what is brain in them, and what the network takes for it."""
        middle = [batch.brain.shape[-1] // 2 for batch in self.batches]
        images = [batch.scans[0, 0, :, :, z] for batch, z in zip(self.batches, middle, strict=True)]
        truth = [batch.brain[0, 0, :, :, z] for batch, z in zip(self.batches, middle, strict=True)]
        likely = [one[0, 0, :, :, z] for one, z in zip(found, middle, strict=True)]
        columns = {"scan": images, "brain": truth, "found": likely}
        title = f"step {step}: heads not trained on"
        sheet(path, {name: _stack(slices) for name, slices in columns.items()}, title=title, slices=SHOWN)


def _stack(slices: list[torch.Tensor]) -> np.ndarray:
    """Return slices (X, Y) of several sizes as one stack (S, H, W) in [-1, 1], the front above."""
    sides = np.max([one.shape for one in slices], axis=0)
    stack = np.full((len(slices), *sides), -1, dtype=np.float32)
    for place, one in enumerate(slices):
        stack[place, : one.shape[0], : one.shape[1]] = np.clip(2 * one.numpy() - 1, -1, 1)
    return np.asarray(stack.transpose(0, 2, 1)[:, ::-1])
