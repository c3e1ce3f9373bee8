"""Batches of simulated heads: any contrasts of a slice, named or not, and its clean targets.

A batch is a pure function of seed and step: a training that is resumed sees what an uninterrupted one would have.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hifisyn.base.condition import condition
from hifisyn.base.contrasts import NAMED, SLOTS, STACK, TARGETS, UNNAMED
from hifisyn.base.heads import STRANGE, TRUTH, Heads, HeadSlices, neighbours
from hifisyn.base.places import Places
from hifisyn.base.settings import InputSettings
from hifisyn.base.unet import MULTIPLE
from hifisyn.intensities import OUTSIDE
from hifisyn.training.source import SIMULATION

MOST_GIVEN = 3
FILLS = (OUTSIDE, OUTSIDE, 0.0)


@dataclass(frozen=True)
class BaseBatch:
    """What a step sees.

    Attributes:
        slices: (N, slots * 3, H, W) in [-1, 1], -1 where a slot is empty.
        condition: (N, LENGTH).
        targets: (N, targets, H, W) in [-1, 1].
        brain: (N, 1, H, W), 1 in the brain, else 0.
        weights: (N, targets).
    """

    slices: Tensor
    condition: Tensor
    targets: Tensor
    brain: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> "BaseBatch":
        """Return the same on a device."""
        return BaseBatch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Choice:
    """What one slice is given as.

    Attributes:
        slots: slot to the image in it, a contrast or STRANGE.
        weights: of each target.
    """

    slots: dict[str, str]
    weights: tuple[float, ...]


class Batches:
    """Reads the batch of any step.

    Args:
        heads: to draw from.
        settings: what the network is given.
        seed: of all draws.
        batch_size: slices a step.

    Raises:
        UserError: no head has a slice with enough brain.
    """

    def __init__(self, heads: Heads, settings: InputSettings, seed: int, batch_size: int) -> None:
        self.places = Places(heads, settings.lesioned)
        self.heads, self.settings, self.seed, self.batch_size = heads, settings, seed, batch_size

    def read(self, step: int) -> BaseBatch:
        """Return the batch of a step."""
        rng = np.random.default_rng([self.seed, step, 0, SIMULATION])
        drawn = [self._one(rng) for _ in range(self.batch_size)]
        return BaseBatch(*(torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)))

    def _one(self, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        head, place = self.places.draw(rng)
        choice = choose(rng, self.settings)
        places = [place] * STACK if rng.random() < self.settings.alone else neighbours(head, place)
        brain = self.heads.brain(head, place)
        slices = np.full((len(SLOTS), STACK, *brain.shape), OUTSIDE, dtype=np.float32)
        for slot, name in choice.slots.items():
            slices[SLOTS.index(slot)] = altered(self.heads.image(head, name, places), rng, self.settings)
        targets = np.concatenate([self.heads.image(head, TRUTH + target, [place]) for target in TARGETS])
        told = condition(choice.slots, head.pixel_mm, draw_look(head, rng, self.settings))
        parts = [slices.reshape(-1, *brain.shape), targets, brain[None].astype(np.float32)]
        if rng.integers(2):
            parts = [part[..., ::-1] for part in parts]
        images, truth, inside = (fitted(part, MULTIPLE, fill) for part, fill in zip(parts, FILLS, strict=True))
        return images, told, truth, inside, np.array(choice.weights, dtype=np.float32)


def choose(rng: np.random.Generator, settings: InputSettings) -> Choice:
    """Draw which contrasts a slice is given as, and whether one of them without its name; no name is ever wrong."""
    count = 1
    while count < MOST_GIVEN and rng.random() < settings.several:
        count += 1
    names = [str(name) for name in rng.permutation(NAMED)[:count]]
    slots = {name: name for name in names}
    if rng.random() < settings.unnamed:
        del slots[names[0]]
        slots[UNNAMED] = STRANGE if rng.random() < settings.strange else names[0]
    given = set(slots.values())
    return Choice(slots, tuple(settings.given if target in given else 1.0 for target in TARGETS))


def draw_look(head: HeadSlices, rng: np.random.Generator, settings: InputSettings) -> dict[str, list[float | None]]:
    """Draw of which targets the tissue means are told, a little off, as those of a cohort are."""
    if rng.random() < settings.untold:
        return {}
    known = head.clustered if rng.random() < settings.clustered else head.look
    look: dict[str, list[float | None]] = {}
    for target in TARGETS:
        off = rng.normal(0, settings.look_noise, len(known[target]))
        if rng.random() < settings.told:
            means = zip(known[target], off, strict=True)
            look[target] = [None if mean is None else float(np.clip(mean + o, -1, 1)) for mean, o in means]
    return look


def altered(image: np.ndarray, rng: np.random.Generator, settings: InputSettings) -> np.ndarray:
    """Return slices with another gamma, gain and noise, as other scanners and windows give them; -1 stays -1."""
    gamma, gain = np.exp(rng.normal(0, [settings.gamma, settings.gain])).astype(np.float32)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(settings.noise)
    changed = 2 * gain * ((image + 1) / 2) ** gamma - 1 + noise
    return np.where(image > OUTSIDE, np.clip(changed, -1, 1), np.float32(OUTSIDE))


def fitted(image: np.ndarray, multiple: int, fill: float = OUTSIDE) -> np.ndarray:
    """Return (..., H, W) whose sides are padded at the lower and right end to a multiple.

    >>> fitted(np.zeros((3, 9, 16), np.float32), 8).shape
    (3, 16, 16)
    """
    ends = [-side % multiple for side in image.shape[-2:]]
    margins = [(0, 0)] * (image.ndim - 2) + [(0, end) for end in ends]
    return np.pad(image, margins, constant_values=fill)
