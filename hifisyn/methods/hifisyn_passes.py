"""The passes of HiFi-Syn through its networks: images to contents and attributes, through the bank, to images.

Symbols: modalities i and j, m_i an image, z^c content, A dense attributes, z^a the attribute code, S what the pixels
read of the bank. Every dict goes by the modality of the real image that a thing was made from.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hifisyn.methods import hifisyn_networks as net
from hifisyn.methods.scene import Scene
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.memory_bank import BrainMemoryBank, Table
from hifisyn.networks.memory_update import SlotSums
from hifisyn.networks.running_code import RunningCode
from hifisyn.networks.typed import typed


@dataclass(frozen=True)
class Encoded:
    """What the encoders say about the images of one modality.

    Attributes:
        content: z^c, (N, C, h, w), without noise.
        noisy: what G and D^c see of it.
        dense: A, (N, V, h, w); none without a bank and for translations.
        code: z^a, (N, code).
    """

    content: Tensor
    noisy: Tensor
    dense: Tensor | None
    code: Tensor


@dataclass(frozen=True)
class Consulted:
    """What the bank offers in a step; nothing without a bank.

    Attributes:
        sums: what the images say about the slots.
        own: P_i, the prototypes of m_i's batch.
        shared: B~_i, the stored values with this batch blended in.
    """

    sums: dict[str, SlotSums]
    own: dict[str, Table | None]
    shared: dict[str, Table | None]


@dataclass(frozen=True)
class Rendered:
    """What G made, and what the encoders say about it.

    Attributes:
        reconstruction: m_i^rec, from its own content and attributes.
        fake: m_{i->j}.
        again: what the encoders of j say about m_{i->j}; its code carries the attributes of m_j.
        cycle: m^_i, m_{i->j} translated back.
    """

    reconstruction: dict[str, Tensor]
    fake: dict[str, Tensor]
    again: dict[str, Encoded]
    cycle: dict[str, Tensor]


class Passes:
    """The networks, and how images go through them.

    Args:
        networks: those of `hifisyn_networks.build`.
        pair: the two modalities.
        content_noise: standard deviation of the noise on content in training.
    """

    def __init__(self, networks: nn.ModuleDict, pair: tuple[str, str], content_noise: float) -> None:
        self.networks, self.pair, self.content_noise = networks, pair, content_noise
        self.directions = (pair, pair[::-1])

    @property
    def bank(self) -> BrainMemoryBank | None:
        """The Brain Memory Bank; none if the plan has no slots."""
        if net.MEMORY_BANK not in self.networks:
            return None
        return typed(self.networks, net.MEMORY_BANK, BrainMemoryBank)

    @property
    def running_code(self) -> RunningCode:
        """The mean code of each modality."""
        return typed(self.networks, net.RUNNING_CODE, RunningCode)

    def noisy_contents(self, images: dict[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
        """Return what D^c sees of the images."""
        return {m: self._noisy(self._content(images[m], m), rng) for m in self.pair}

    def encode(self, images: dict[str, Tensor], rng: torch.Generator) -> dict[str, Encoded]:
        """Return content and attributes of the real images."""
        encoded = {}
        for m in self.pair:
            content = self._content(images[m], m)
            dense, code = self._attribute_encoder(images[m], m)
            encoded[m] = Encoded(content, self._noisy(content, rng), dense, code)
        return encoded

    def consult(self, scene: Scene, encoded: dict[str, Encoded], rng: torch.Generator) -> Consulted:
        """Seed the slots that wait for it, and return what this step may read."""
        bank = self.bank
        if bank is None:
            return Consulted({}, own=dict.fromkeys(self.pair), shared=dict.fromkeys(self.pair))
        bank.seed(
            [encoded[m].content for m in self.pair],
            [scene.labels[m] for m in self.pair],
            [scene.foreground[m] for m in self.pair],
            rng,
        )
        sums = {m: bank.sums(e.content, e.dense, scene.labels[m]) for m, e in encoded.items() if e.dense is not None}
        own = {m: bank.prototypes(s, m) for m, s in sums.items()}
        return Consulted(sums, own={**own}, shared={m: bank.blended(s, m) for m, s in sums.items()})

    def render(self, scene: Scene, encoded: dict[str, Encoded], consulted: Consulted, rng: torch.Generator) -> Rendered:
        """Reconstruct, translate, encode the translations, translate them back."""
        reconstruction, fake, again, cycle = {}, {}, {}, {}
        for source, target in self.directions:
            e, labels = encoded[source], scene.read_labels[source]
            trunk = self._generator.shared(e.noisy)
            own = self._retrieve(e.content, consulted.own[source], labels)
            reconstruction[source] = self._generator.render(trunk, own, e.code, source)
            shared = self._retrieve(e.content, consulted.shared[target], labels)
            fake[source] = self._generator.render(trunk, shared, encoded[target].code, target)
        for source, target in self.directions:
            content = self._content(fake[source], target)
            code = self._attribute_encoder.code(fake[source], target)
            again[source] = Encoded(content, self._noisy(content, rng), None, code)
        for source, target in self.directions:
            e, labels = again[source], scene.read_labels[source]
            own = self._retrieve(e.content, consulted.own[source], labels)
            cycle[source] = self._generator(e.noisy, own, again[target].code, source)
        return Rendered(reconstruction, fake, again, cycle)

    def translate(self, image: Tensor, source: str, target: str) -> Tensor:
        """Translate as in testing: no labels, no exemplar, no noise."""
        content = self._content(image, source)
        table = None if self.bank is None else self.bank.table(target)
        retrieved = self._retrieve(content, table, None)
        code = self.running_code(target).expand(len(image), -1)
        return self._generator(content, retrieved, code, target)

    @property
    def _attribute_encoder(self) -> AttributeEncoder:
        return typed(self.networks, net.ATTRIBUTE_ENCODER, AttributeEncoder)

    @property
    def _generator(self) -> Generator:
        return typed(self.networks, net.GENERATOR, Generator)

    def _content(self, image: Tensor, modality: str) -> Tensor:
        return self.networks[net.CONTENT_ENCODER](image, modality)

    def _noisy(self, content: Tensor, rng: torch.Generator) -> Tensor:
        noise = torch.randn(content.shape, generator=rng, device=rng.device)
        return content + self.content_noise * noise.to(content)

    def _retrieve(self, content: Tensor, table: Table | None, labels: Tensor | None) -> Tensor | None:
        return None if self.bank is None or table is None else self.bank.retrieve(content, table, labels)
