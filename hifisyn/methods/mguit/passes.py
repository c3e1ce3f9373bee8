"""The passes of MGUIT through its networks and its memory: images to contents and styles, to images, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hifisyn.methods.hifisyn_networks import ATTRIBUTE_ENCODER, CONTENT_ENCODER, GENERATOR
from hifisyn.methods.mguit_classes import Masks, pixel_classes
from hifisyn.networks.class_memory import ClassMemory, Pixels, flat
from hifisyn.networks.precision import wide
from hifisyn.networks.typed import typed
from hifisyn.training.contract import Batch

MEMORY = "class_memory"


@dataclass(frozen=True)
class Made:
    """What the networks made of a batch; every dict goes by the modality of the real image it was made from.

    Attributes:
        content: (N, C, h, w), unit vectors.
        pixels: the same with encoded styles and classes, pixel by pixel.
        reconstruction: from its own content, with the styles that it reads.
        fake: the translation.
        random: the translation with random styles.
        again: content of the translation.
        cycle: the translation, translated back.
    """

    content: dict[str, Tensor]
    pixels: dict[str, Pixels]
    reconstruction: dict[str, Tensor]
    fake: dict[str, Tensor]
    random: dict[str, Tensor]
    again: dict[str, Tensor]
    cycle: dict[str, Tensor]


class Passes:
    """The networks, and how images go through them.

    Args:
        networks: those of MGUIT.
        pair: the two modalities.
        stride: image pixels a content pixel.
        masks: where the classes of pixels come from.
        content_noise: standard deviation of the noise on content in training.
    """

    def __init__(
        self, networks: nn.ModuleDict, pair: tuple[str, str], stride: int, masks: Masks, content_noise: float
    ) -> None:
        self.networks, self.pair, self.stride = networks, pair, stride
        self.masks, self.content_noise = masks, content_noise
        self.directions = (pair, pair[::-1])

    @property
    def memory(self) -> ClassMemory:
        """Keys and values of all classes."""
        return typed(self.networks, MEMORY, ClassMemory)

    def make(self, batch: Batch, rng: torch.Generator) -> Made:
        """Encode, update the memory, then render with what is read from it."""
        classes = {m: self.classes(batch, m) for m in self.pair}
        content = {m: self.encode(batch.images[m], m) for m in self.pair}
        style = {m: self.networks[ATTRIBUTE_ENCODER](batch.images[m], m) for m in self.pair}
        pixels = {m: Pixels(flat(content[m]), flat(style[m]), classes[m].flatten()) for m in self.pair}
        self.memory.update(pixels)
        reconstruction, fake, random, cycle = {}, {}, {}, {}
        for source, target in self.directions:
            stored = self.memory.table(target)
            table = torch.randn(stored.shape, generator=rng, device=rng.device).to(stored)
            own = self.memory.read(content[source], source, classes[source])
            other = self.memory.read(content[source], target, classes[source])
            drawn = self.memory.read(content[source], target, classes[source], table)
            reconstruction[source] = self._generate(content[source], own, source, rng)
            fake[source] = self._generate(content[source], other, target, rng)
            random[source] = self._generate(content[source], drawn, target, rng)
        again = {source: self.encode(fake[source], target) for source, target in self.directions}
        for m in self.pair:
            cycle[m] = self._generate(again[m], self.memory.read(again[m], m, classes[m]), m, rng)
        return Made(content, pixels, reconstruction, fake, random, again, cycle)

    def classes(self, batch: Batch, modality: str) -> Tensor:
        """Return the class of each content pixel, (N, P)."""
        return pixel_classes(batch.labels[modality], batch.images[modality], self.stride, self.masks, self.memory)

    def encode(self, image: Tensor, modality: str) -> Tensor:
        """Return content (N, C, h, w) of images (N, 1, H, W), of unit norm at every pixel."""
        content = self.networks[CONTENT_ENCODER](image, modality)
        return normalize(wide(content), dim=1)

    def translate(self, image: Tensor, source: str, target: str) -> Tensor:
        """Translate as in testing: no labels, all items read, no noise."""
        content = self.encode(image, source)
        return self.networks[GENERATOR](content, self.memory.read(content, target, None), target)

    def _generate(self, content: Tensor, style: Tensor, target: str, rng: torch.Generator) -> Tensor:
        noise = torch.randn(content.shape, generator=rng, device=rng.device).to(content)
        return self.networks[GENERATOR](content + self.content_noise * noise, style, target)
