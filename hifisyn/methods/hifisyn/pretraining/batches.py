"""Slices of simulated heads in all contrasts at once, as scanners may give them, and as they would be without noise.

A batch is a pure function of seed and step: a training that is resumed sees what an uninterrupted one would have.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hifisyn.base.contrasts import TARGETS
from hifisyn.base.heads import TRUTH, Heads
from hifisyn.base.places import Places
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.hifisyn.pretraining.settings import PretrainSettings
from hifisyn.training.batch import Batch
from hifisyn.training.source import SIMULATION

MULTIPLE, LEAST_SIDE = 8, 32


@dataclass(frozen=True)
class HeadBatch:
    """What a step sees.

    Attributes:
        seen: the slices, in all contrasts, with labels.
        truths: contrast to (N, 1, H, W) in [-1, 1]: what a translation should be.
        brain: (N, 1, H, W) bool.
        told: whether translations may look at the wanted image: its window is that of the truth.
        turn: a translation goes from a contrast to the one so many places after it.
    """

    seen: Batch
    truths: dict[str, Tensor]
    brain: Tensor
    told: bool
    turn: int

    def to(self, device: torch.device) -> "HeadBatch":
        """Return the same on a device."""
        truths = {m: truth.to(device) for m, truth in self.truths.items()}
        return HeadBatch(self.seen.to(device), truths, self.brain.to(device), self.told, self.turn)


class HeadBatches:
    """Reads the batch of any step.

    Args:
        heads: to draw from.
        settings: of the training.
        seed: of all draws.

    Raises:
        UserError: no head has a slice with enough brain.
    """

    def __init__(self, heads: Heads, settings: PretrainSettings, seed: int) -> None:
        self.heads, self.settings, self.seed = heads, settings, seed
        self.places = Places(heads, settings.lesioned)

    def read(self, step: int) -> HeadBatch:
        """Return the batch of a step."""
        rng = np.random.default_rng([self.seed, step, 0, SIMULATION])
        told, turn = bool(rng.random() < self.settings.told), int(rng.integers(1, len(TARGETS)))
        drawn = [self._slice(rng, told) for _ in range(self.settings.batch_size)]
        brain = np.stack([slice_.brain for slice_ in drawn])
        rows, columns = _window(brain, rng, self.settings.margin)

        def part(arrays: list[np.ndarray], fill: float) -> Tensor:
            return torch.from_numpy(np.stack([_cut(array, rows, columns, fill) for array in arrays]))

        images = {m: part([s.images[m] for s in drawn], OUTSIDE)[:, None] for m in TARGETS}
        truths = {m: part([s.truths[m] for s in drawn], OUTSIDE)[:, None] for m in TARGETS}
        labels = part([s.labels for s in drawn], 0).long()
        subjects = torch.arange(len(drawn))
        seen = Batch(images, dict.fromkeys(TARGETS, labels), dict.fromkeys(TARGETS, subjects), step, "simulated")
        return HeadBatch(seen, truths, part(list(brain), 0)[:, None].bool(), told, turn)

    def _slice(self, rng: np.random.Generator, told: bool) -> "_Slice":
        head, place = self.places.draw(rng)
        s, images, truths = self.settings, {}, {}
        for m in TARGETS:
            image, truth = (self.heads.image(head, name, [place])[0] for name in (m, TRUTH + m))
            gamma, gain = np.exp(rng.normal(0, [s.gamma, s.gain])).astype(np.float32)
            noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(s.noise)
            images[m] = windowed(image, gamma, gain, noise)
            truths[m] = windowed(truth, gamma, gain) if told else truth
        drawn = _Slice(images, truths, self.heads.label(head, place), self.heads.brain(head, place))
        return drawn.mirrored() if rng.integers(2) else drawn


@dataclass(frozen=True)
class _Slice:
    images: dict[str, np.ndarray]
    truths: dict[str, np.ndarray]
    labels: np.ndarray
    brain: np.ndarray

    def mirrored(self) -> "_Slice":
        images, truths = ({m: a[:, ::-1] for m, a in each.items()} for each in (self.images, self.truths))
        return _Slice(images, truths, self.labels[:, ::-1], self.brain[:, ::-1])


def windowed(image: np.ndarray, gamma: float, gain: float, noise: np.ndarray | float = 0.0) -> np.ndarray:
    """Return an image (H, W) in [-1, 1] with another gamma, gain and noise; -1 stays -1."""
    changed = 2 * gain * ((image + 1) / 2) ** gamma - 1 + noise
    return np.where(image > OUTSIDE, np.clip(changed, -1, 1), OUTSIDE).astype(np.float32)


def _window(brain: np.ndarray, rng: np.random.Generator, margin: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return first and last row and column, beyond the slices too, around the brains (N, H, W) of a batch.

    The share of a slice that is background differs from cohort to cohort, and instance norm sees it.
    """
    around = int(rng.integers(margin + 1))
    return _extent(brain.max(axis=(0, 2)), around), _extent(brain.max(axis=(0, 1)), around)


def _extent(there: np.ndarray, around: int) -> tuple[int, int]:
    places = np.flatnonzero(there)
    first, last = int(places[0]) - around, int(places[-1]) + 1 + around
    side = -(-max(last - first, LEAST_SIDE) // MULTIPLE) * MULTIPLE
    first -= (side - (last - first)) // 2
    return first, first + side


def _cut(array: np.ndarray, rows: tuple[int, int], columns: tuple[int, int], fill: float) -> np.ndarray:
    """Return a window of (H, W), filled where it goes beyond."""
    found = np.full((rows[1] - rows[0], columns[1] - columns[0]), fill, dtype=array.dtype)
    height, width = array.shape
    r, c = (slice(max(first, 0), min(last, n)) for (first, last), n in ((rows, height), (columns, width)))
    inner = array[r, c]
    top, left = r.start - rows[0], c.start - columns[0]
    found[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return found
