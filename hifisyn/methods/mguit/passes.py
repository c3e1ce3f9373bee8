"""The passes of MGUIT through its networks and its memory: images to contents and styles, to images, and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hifisyn.methods.content_noise import with_noise
from hifisyn.methods.mguit.class_memory import ClassMemory, Pixels, flat
from hifisyn.methods.mguit.classes import pixel_classes
from hifisyn.methods.mguit.networks import MGUITNetworks, unit_content
from hifisyn.methods.mguit.settings import MGUITSettings
from hifisyn.training.batch import Batch


@dataclass(frozen=True)
class Rendered:
    """What the networks render of a batch; every dict goes by the contrast of the real image it was rendered from.

    Attributes:
        content: (N, C, h, w), unit vectors.
        pixels: the same with encoded styles and classes, pixel by pixel.
        reconstruction: from its own content, with the styles that it reads.
        fake: the translation.
        random: the translation with random styles.
        reencoded: content of the translation.
        cycle: the translation, translated back.
    """

    content: dict[str, Tensor]
    pixels: dict[str, Pixels]
    reconstruction: dict[str, Tensor]
    fake: dict[str, Tensor]
    random: dict[str, Tensor]
    reencoded: dict[str, Tensor]
    cycle: dict[str, Tensor]


class Passes:
    """The networks, and how images go through them.

    Args:
        networks: of the method.
        settings: which say where the classes of pixels come from, and how strong the noise on content is.
    """

    def __init__(self, networks: MGUITNetworks, settings: MGUITSettings) -> None:
        self.networks, self.settings = networks, settings

    @property
    def memory(self) -> ClassMemory:
        """Keys and values of all classes."""
        return self.networks.class_memory

    def render(self, batch: Batch, rng: torch.Generator) -> Rendered:
        """Encode, update the memory, then render with what is read from it."""
        classes = {m: self.classes(batch, m) for m in batch.domains}
        content = {m: self.encode(batch.images[m], m) for m in batch.domains}
        style = {m: self.networks.attribute_encoder[m](batch.images[m]) for m in batch.domains}
        pixels = {m: Pixels(flat(content[m]), flat(style[m]), classes[m].flatten()) for m in batch.domains}
        self.memory.update(pixels)
        reconstruction, fake, random, cycle = {}, {}, {}, {}
        for source, target in batch.directions:
            stored = self.memory.table(target)
            table = torch.randn(stored.shape, generator=rng, device=rng.device).to(stored)
            own = self.memory.read(content[source], source, classes[source])
            other = self.memory.read(content[source], target, classes[source])
            random_style = self.memory.read(content[source], target, classes[source], table)
            reconstruction[source] = self._generate(content[source], own, source, rng)
            fake[source] = self._generate(content[source], other, target, rng)
            random[source] = self._generate(content[source], random_style, target, rng)
        reencoded = {source: self.encode(fake[source], target) for source, target in batch.directions}
        for m in batch.domains:
            cycle[m] = self._generate(reencoded[m], self.memory.read(reencoded[m], m, classes[m]), m, rng)
        return Rendered(content, pixels, reconstruction, fake, random, reencoded, cycle)

    def classes(self, batch: Batch, contrast: str) -> Tensor:
        """Return the class of each content pixel, (N, P)."""
        stride, masks = self.settings.networks.stride, self.settings.masks
        return pixel_classes(batch.labels[contrast], batch.images[contrast], stride, masks, self.memory)

    def encode(self, image: Tensor, contrast: str) -> Tensor:
        """Return content (N, C, h, w) of images (N, 1, H, W), of unit norm at every pixel."""
        return unit_content(self.networks.content_encoder, image, contrast)

    def _generate(self, content: Tensor, style: Tensor, target: str, rng: torch.Generator) -> Tensor:
        return self.networks.generator(with_noise(content, self.settings.content_noise, rng), style, target)
