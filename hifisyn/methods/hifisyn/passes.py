"""The passes of HiFi-Syn through its networks: images to contents and attributes, through the bank, to images.

Symbols: contrasts i and j, m_i an image, z^c content, A dense attributes, z^a the attribute code, S what the pixels
read of the bank. Every dict is keyed by the contrast of the real image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hifisyn.directions import Direction
from hifisyn.methods.content_masks import ContentMasks
from hifisyn.methods.content_noise import with_noise
from hifisyn.methods.hifisyn.memory_bank import BankTable, BrainMemoryBank
from hifisyn.methods.hifisyn.memory_update import SlotSums
from hifisyn.methods.hifisyn.networks import HiFiSynNetworks


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
class BankTables:
    """What the bank offers in a step; nothing without a bank.

    Attributes:
        sums: what the images say about the slots.
        own: P_i, the prototypes of m_i's batch.
        shared: what translations read: B~_i, the stored values with this batch blended in, or as they are stored.
    """

    sums: dict[str, SlotSums]
    own: dict[str, BankTable | None]
    shared: dict[str, BankTable | None]


@dataclass(frozen=True)
class Rendered:
    """What G renders, and what the encoders say about it.

    Attributes:
        reconstruction: m_i^rec, from its own content and attributes.
        fake: m_{i->j}.
        reencoded: what the encoders of j say about m_{i->j}; its code carries the attributes of m_j.
        cycle: m^_i, m_{i->j} translated back.
    """

    reconstruction: dict[str, Tensor]
    fake: dict[str, Tensor]
    reencoded: dict[str, Encoded]
    cycle: dict[str, Tensor]


class Passes:
    """The networks, and how the images of a step go through them.

    Args:
        networks: of the method.
        content_noise: standard deviation of the noise on content in training.
        blended: translations read values with this batch blended in, which gives E^a a gradient; else stored ones.
    """

    def __init__(self, networks: HiFiSynNetworks, content_noise: float, *, blended: bool = True) -> None:
        self.networks, self.content_noise, self.blended = networks, content_noise, blended

    @property
    def bank(self) -> BrainMemoryBank | None:
        """The Brain Memory Bank; none if the plan has no slots."""
        return self.networks.memory_bank

    def noisy_contents(self, images: Mapping[str, Tensor], rng: torch.Generator) -> dict[str, Tensor]:
        """Return what D^c sees of the images."""
        return {m: self._with_noise(self.networks.content_encoder(image, m), rng) for m, image in images.items()}

    def encode(self, images: Mapping[str, Tensor], rng: torch.Generator) -> dict[str, Encoded]:
        """Return content and attributes of the real images."""
        encoded = {}
        for m, image in images.items():
            content = self.networks.content_encoder(image, m)
            dense, code = self.networks.attribute_encoder(image, m)
            encoded[m] = Encoded(content, self._with_noise(content, rng), dense, code)
        return encoded

    def bank_tables(self, masks: ContentMasks, encoded: Mapping[str, Encoded], rng: torch.Generator) -> BankTables:
        """Seed the slots that wait for it, and return what this step may read."""
        bank = self.bank
        if bank is None:
            return BankTables({}, own=dict.fromkeys(encoded), shared=dict.fromkeys(encoded))
        bank.seed(
            [e.content for e in encoded.values()],
            [masks.labels[m] for m in encoded],
            [masks.foreground[m] for m in encoded],
            rng,
        )
        sums = {m: bank.sums(e.content, e.dense, masks.labels[m]) for m, e in encoded.items() if e.dense is not None}
        own: dict[str, BankTable | None] = {m: bank.prototypes(s, m) for m, s in sums.items()}
        shared: dict[str, BankTable | None]
        shared = {m: bank.blended(s, m) if self.blended else bank.table(m) for m, s in sums.items()}
        return BankTables(sums, own=own, shared=shared)

    def render(
        self,
        directions: Sequence[Direction],
        masks: ContentMasks,
        encoded: Mapping[str, Encoded],
        tables: BankTables,
        rng: torch.Generator,
    ) -> Rendered:
        """Reconstruct, translate, encode the translations, translate them back."""
        generator, attribute_encoder = self.networks.generator, self.networks.attribute_encoder
        reconstruction, fake, reencoded, cycle = {}, {}, {}, {}
        for source, target in directions:
            e, labels = encoded[source], masks.read_labels[source]
            trunk = generator.shared(e.noisy)
            own = self._retrieve(e.content, tables.own[source], labels)
            reconstruction[source] = generator.render(trunk, own, e.code, source)
            shared = self._retrieve(e.content, tables.shared[target], labels)
            fake[source] = generator.render(trunk, shared, encoded[target].code, target)
        for source, target in directions:
            content = self.networks.content_encoder(fake[source], target)
            code = attribute_encoder.code(fake[source], target)
            reencoded[source] = Encoded(content, self._with_noise(content, rng), None, code)
        for source, target in directions:
            e, labels = reencoded[source], masks.read_labels[source]
            own = self._retrieve(e.content, tables.own[source], labels)
            cycle[source] = generator(e.noisy, own, reencoded[target].code, source)
        return Rendered(reconstruction, fake, reencoded, cycle)

    def translate(
        self, encoded: Encoded, table: BankTable | None, code: Tensor, target: str, labels: Tensor | None
    ) -> Tensor:
        """Render content with the values of a table and a code (N, code), as `target`; labels as in `weights`."""
        retrieved = self._retrieve(encoded.content, table, labels)
        return self.networks.generator(encoded.noisy, retrieved, code, target)

    def _with_noise(self, content: Tensor, rng: torch.Generator) -> Tensor:
        return with_noise(content, self.content_noise, rng)

    def _retrieve(self, content: Tensor, table: BankTable | None, labels: Tensor | None) -> Tensor | None:
        return None if self.bank is None or table is None else self.bank.retrieve(content, table, labels)
