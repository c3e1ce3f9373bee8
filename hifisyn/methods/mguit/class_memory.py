"""MGUIT's class-aware memory: items of a key, which the contrasts share, and a value of each contrast.

Every item serves one class. A pixel looks up the items of its class, by the cosine of its content and their keys, and
takes their values for its style (Jeong et al., CVPR 2021, arXiv 2104.05170).

Differs from the paper:
- The published code halves the values of an item that no pixel chose; here they stay.
- An item that no pixel has chosen yet holds noise, so it is not read while there is another to read.
- How the memory is read in testing was not published. Here a pixel of unknown class reads the items of all classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from hifisyn.networks.precision import wide
from hifisyn.networks.ranks import sum_over_ranks
from hifisyn.networks.value_tables import value_tables

STANDARDISE_EPS = 1e-5


@dataclass(frozen=True)
class Pixels:
    """The pixels of all images of one contrast in a step, M together.

    Attributes:
        content: (M, C), unit vectors.
        style: (M, V).
        label: (M,) int64, the class of each; one that has items.
    """

    content: Tensor
    style: Tensor
    label: Tensor


class ClassMemory(nn.Module):
    """T items. All state is buffers: saved with checkpoints, never optimised; computes in float32.

    Args:
        domains: names of the contrasts.
        items: number of items by class.
        key_width: C, channels of content.
        value_width: V, channels of a style.
        keep: share of the old item that an update keeps, 0.5 as published.
        tau: temperature of the read, 1 as published.
    """

    keys: Tensor
    item_class: Tensor

    def __init__(
        self,
        domains: Sequence[str],
        items: Mapping[int, int],
        key_width: int = 256,
        value_width: int = 128,
        keep: float = 0.5,
        tau: float = 1.0,
    ) -> None:
        super().__init__()
        self.keep, self.tau = keep, tau
        classes = torch.tensor([value for value, count in items.items() for _ in range(count)])
        self.register_buffer("keys", normalize(torch.randn(len(classes), key_width), dim=1))
        self.tables = value_tables(domains, torch.randn(len(domains), len(classes), value_width))
        self.register_buffer("item_class", classes)

    @property
    def values(self) -> Tensor:
        """A copy of the values of all contrasts, (contrasts, T, V)."""
        return torch.stack([table.values for table in self.tables.each()])

    @property
    def known(self) -> Tensor:
        """A copy of which items hold a value of each contrast, (contrasts, T) bool."""
        return torch.stack([table.known for table in self.tables.each()])

    def table(self, modality: str) -> Tensor:
        """Return the values (T, V) of a contrast."""
        return self.tables[modality].values

    def readable(self, modality: str) -> Tensor:
        """Return which items hold a value of a contrast, (T,) bool; all, while none does."""
        known = self.tables[modality].known
        return known | ~known.any()

    def served(self, labels: Tensor) -> Tensor:
        """Return labels (...) with 0, the background, where a class has no items."""
        return labels.where(torch.isin(labels, self.item_class), 0)

    def cosines(self, content: Tensor, modality: str, label: Tensor | None) -> Tensor:
        """Return the cosine of content and key (M, T), minus infinity where a pixel may not read.

        A pixel may read the items of its class that hold a value of the contrast; if none does, all that do.

        Args:
            content: (M, C), unit vectors.
            modality: whose values are to be read.
            label: (M,) int64; none, as in testing: the items of all classes.
        """
        readable = self.readable(modality)[None]
        allowed = readable if label is None else readable & self._own(label)
        allowed = torch.where(allowed.any(dim=1, keepdim=True), allowed, readable)
        with torch.autocast(content.device.type, enabled=False):
            return (wide(content) @ self.keys.t()).masked_fill(~allowed, -torch.inf)

    @torch.no_grad()
    def read(self, content: Tensor, modality: str, labels: Tensor | None, table: Tensor | None = None) -> Tensor:
        """Return the styles (N, V, h, w): the mean of the items' values, weighted with alpha = softmax over the items.

        Args:
            content: (N, C, h, w), unit vectors at every pixel.
            modality: whose values are read.
            labels: (N, h * w) int64, or none as in testing.
            table: (T, V), values to read instead.
        """
        n, _, height, width = content.shape
        values = self.table(modality) if table is None else table
        with torch.autocast(content.device.type, enabled=False):
            label = None if labels is None else labels.flatten()
            alpha = (self.cosines(flat(content), modality, label) / self.tau).softmax(dim=1)
            return (alpha @ values).view(n, height, width, -1).permute(0, 3, 1, 2)

    @torch.no_grad()
    def update(self, pixels: Mapping[str, Pixels]) -> None:
        """Move the items of every class that all given contrasts show towards the pixels that chose them.

        The values of other contrasts stay. Over several processes the pixels of all count, so that all keep the same
        memory.
        """
        with torch.autocast(self.keys.device.type, enabled=False):
            key, value, chosen, shown = zip(*(self._sums(each) for each in pixels.values()), strict=True)
            each = torch.stack(shown).all(dim=0) & torch.stack(chosen)
            moved = each.any(dim=0)
            new_key = self.keep * self.keys + (1 - self.keep) * torch.stack(key).mean(dim=0)
            self.keys.copy_(torch.where(moved[:, None], normalize(new_key, dim=1), self.keys))
            for modality, new, mine in zip(pixels, value, each, strict=True):
                table = self.tables[modality]
                mixed = self.keep * table.values + (1 - self.keep) * new
                table.values.copy_(torch.where(mine[:, None], mixed, table.values))
                table.known |= mine

    @torch.no_grad()
    def forget(self, items: Tensor) -> None:
        """Take the values of items (T,) bool for unknown, in all contrasts, so that nothing reads them."""
        for table in self.tables.each():
            table.known &= ~items

    def _sums(self, pixels: Pixels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return dk (T, C), dv (T, V), which items a pixel chose and of which the class has pixels, (T,) bool both.

        Each pixel chooses the nearest item of its class; it counts with beta, a softmax over all pixels of the class.
        """
        own = self._own(pixels.label)
        cosine = (wide(pixels.content) @ self.keys.t()).masked_fill(~own, -torch.inf)
        weight = (cosine - 1).exp()  # beta before its division; a cosine is at most 1
        assigned = one_hot(cosine.argmax(dim=1), len(self.keys)).to(weight)
        choosing = (weight * assigned).t()
        seen = torch.cat([wide(pixels.content), wide(pixels.style)], dim=1)
        counts = torch.stack([weight.sum(dim=0), assigned.sum(dim=0), own.to(weight).sum(dim=0)], dim=1)
        added = sum_over_ranks(torch.cat([choosing @ seen, counts], dim=1))
        key, value, counts = torch.split(added, [pixels.content.shape[1], pixels.style.shape[1], 3], dim=1)
        mass, chosen, shown = counts.unbind(dim=1)
        value = value / mass[:, None].clamp_min(torch.finfo(mass.dtype).tiny)  # of a class without pixels
        return normalize(key, dim=1), standardised(value), chosen > 0, shown > 0

    def _own(self, label: Tensor) -> Tensor:
        """(M,) to (M, T): whether an item serves the class of a pixel."""
        return label[:, None] == self.item_class[None]


def standardised(values: Tensor) -> Tensor:
    """Return (T, V) with zero mean and unit variance in each row; a constant row becomes zeros."""
    variance, mean = torch.var_mean(values, dim=1, correction=0, keepdim=True)
    return (values - mean) / (variance + STANDARDISE_EPS).sqrt()


def flat(features: Tensor) -> Tensor:
    """Return a map (N, C, h, w) as the vectors of its pixels, (N * h * w, C)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)
