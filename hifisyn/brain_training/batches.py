"""Batches of simulated whole heads: each step has its own, a pure function of seed and step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from hifisyn.brain_network.network import MULTIPLE
from hifisyn.brain_network.scaling import scaled
from hifisyn.brain_training.settings import BrainSettings
from hifisyn.simulation.whole_head import simulate_whole_head
from hifisyn.training.source import SIMULATION

KEPT_FROM = 10**9  # numbers of the heads that are looked at
NOISE_SMOOTHED = (0, 4)


@dataclass(frozen=True)
class BrainBatch:
    """What a step sees.

    Attributes:
        scans: (N, 1, X, Y, Z), `scaled`.
        brain: (N, 1, X, Y, Z), share that is brain.
    """

    scans: Tensor
    brain: Tensor

    def to(self, device: torch.device) -> "BrainBatch":
        """Return the same on a device."""
        return BrainBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class BrainBatches:
    """Makes the batch of any step.

    Args:
        maps: label maps of whole heads.
        settings: of the training.
        seed: of all draws.
    """

    def __init__(self, maps: Sequence[Path], settings: BrainSettings, seed: int) -> None:
        self.maps, self.settings, self.seed = maps, settings, seed

    def read(self, step: int) -> BrainBatch:
        """Return the batch of a step; steps from `KEPT_FROM` on are heads to look at."""
        s, rng = self.settings, np.random.default_rng([self.seed, step, 1, SIMULATION])
        file = self.maps[int(rng.integers(len(self.maps)))]
        spans = zip(s.shortest, s.longest, strict=True)
        sides = [MULTIPLE * int(rng.integers(a // MULTIPLE, b // MULTIPLE + 1)) for a, b in spans]
        head = simulate_whole_head(file, self.seed, step, (sides[0], sides[1], sides[2]), s.scans)
        scans, brain = [], head.brain.copy()
        for place, scan in enumerate(head.scans):
            if rng.random() < s.nothing:
                scans.append(scaled(_nothing(rng, scan.shape)))
                brain[place] = 0
            else:
                scans.append(scaled(scan) ** np.float32(np.exp(s.gamma * rng.standard_normal())))
        return BrainBatch(torch.from_numpy(np.stack(scans)[:, None]), torch.from_numpy(brain[:, None]))


def _nothing(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a scan without a head: noise, smooth or not, in air or alone."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), rng.uniform(*NOISE_SMOOTHED))
    cut = float(np.quantile(noise, rng.uniform(0, 0.9))) if rng.random() < 0.5 else float(noise.min())
    return np.asarray(np.maximum(noise, cut))
