"""What a batch says about the slots of the Brain Memory Bank, and how a slot follows it (HiFi-Syn eq. 4 to 6).

Pure functions over T slots, P pixels an image and N images. Labels are class numbers, UNKNOWN where there is none.

Differs from the paper:
- In eq. 6 u is a softmax over all pixels. Then every slot receives nearly the same sum and all collapse to one vector
  within a few updates. Softmax and sum run over the pixels assigned to the slot, as Fig. 3 and MGUIT have it; "all"
  is the printed form.
- The read-out, which eq. 5 writes back, is replaced by the encoder's dense attributes at the assigned pixels (MGUIT).
- The norm bars of eq. 4 and 5 carry a subscript 2, which would make a scalar; the vector is L2-normalised.
- Eq. 4 adds the sums of both contrasts to one old key; here each is normalised, and their mean counts, "raw" is the
  printed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hifisyn.networks.ranks import sum_over_ranks

GLOBAL = -1  # class of a slot that serves every pixel

UpdatePixels = Literal["assigned", "all"]
UpdateSums = Literal["unit", "raw"]


@dataclass(frozen=True)
class SlotSums:
    """Sums over the pixels of one contrast, and over all processes.

    Attributes:
        key: (T, C), sum over n of u_{n,t} q^_n; q^ are unit queries.
        value: (T, V), sum over n of u_{n,t} A^_i(n), with gradient; A^ are unit dense attributes.
        mass: (T,), sum of the unnormalised weights; 0 where the slot was assigned no pixel.
        offered: (T,), pixels that might have chosen the slot.
    """

    key: Tensor
    value: Tensor
    mass: Tensor
    offered: Tensor

    @property
    def present(self) -> Tensor:
        """(T,) bool: whether the slot was assigned a pixel."""
        return self.mass > 0


def candidates(labels: Tensor, slot_class: Tensor) -> tuple[Tensor, Tensor]:
    """Return which slots a pixel might choose: structural (N, T, P) and global (1, T, 1), bool.

    Args:
        labels: (N, P) int64.
        slot_class: (T,) int64, GLOBAL for the global slots.
    """
    is_global = slot_class == GLOBAL
    structural = (labels[:, None, :] == slot_class[None, :, None]) & ~is_global[None, :, None]
    return structural, is_global[None, :, None]


def assign(similarity: Tensor, labels: Tensor, slot_class: Tensor) -> Tensor:
    """Assign each pixel to the nearest slot of its class and to the nearest global slot.

    Args:
        similarity: (N, T, P), cosine of query and key.
        labels: (N, P) int64; a pixel of UNKNOWN label chooses a global slot alone.
        slot_class: (T,) int64.

    Returns:
        (N, T, P) of 0 and 1.
    """
    structural, everywhere = candidates(labels, slot_class)
    return _nearest(similarity, structural) + _nearest(similarity, everywhere.expand_as(similarity))


def _nearest(similarity: Tensor, allowed: Tensor) -> Tensor:
    best = similarity.masked_fill(~allowed, -torch.inf).argmax(dim=1, keepdim=True)
    return torch.zeros_like(similarity).scatter_(1, best, 1.0) * allowed


def slot_sums(
    queries: Tensor,
    attributes: Tensor,
    similarity: Tensor,
    labels: Tensor,
    slot_class: Tensor,
    tau_u: float,
    pixels: UpdatePixels = "assigned",
) -> SlotSums:
    """Sum the assigned pixels' queries and attributes with the weights of eq. 6.

    u_{n,t} = softmax over the assigned n of cos / tau_u. A cosine is at most 1, so exp((cos - 1) / tau_u) needs no
    maximum to be subtracted, and numerators and denominators of several processes simply add.

    Args:
        queries: (N, C, P), unit vectors, no gradient.
        attributes: (N, V, P), unit vectors.
        similarity: (N, T, P), cosine of query and key, no gradient.
        labels: (N, P) int64.
        slot_class: (T,) int64.
        tau_u: temperature.
        pixels: that a slot sums over: those assigned to it, or all, as eq. 6 is printed.
    """
    weights = torch.exp((similarity - 1) / tau_u)
    if pixels == "assigned":
        weights = weights * assign(similarity, labels, slot_class)
    structural, everywhere = candidates(labels, slot_class)
    offered = (structural | everywhere).sum(dim=(0, 2))
    sums = [_over_pixels(weights, queries), _over_pixels(weights, attributes)]
    total = sum_over_ranks(torch.cat([*sums, weights.sum(dim=(0, 2))[:, None], offered[:, None]], dim=1))
    key, value, mass, offered = torch.split(total, [queries.shape[1], attributes.shape[1], 1, 1], dim=1)
    denominator = mass.clamp_min(torch.finfo(mass.dtype).tiny)
    return SlotSums(key / denominator, value / denominator, mass.squeeze(1), offered.squeeze(1))


def _over_pixels(weights: Tensor, features: Tensor) -> Tensor:
    """(N, T, P), (N, C, P) to (T, C)."""
    return torch.bmm(weights, features.transpose(1, 2)).sum(dim=0)


def joint_key(sums: Sequence[SlotSums], form: UpdateSums = "unit") -> tuple[Tensor, Tensor]:
    """Return dk (T, C) over the contrasts that have pixels, and where any has, (T,) bool (eq. 4).

    Args:
        sums: of each contrast.
        form: "unit": the unit mean of the contrasts' unit sums; "raw": their sum, of a norm up to their number.
    """
    present = torch.stack([s.present for s in sums])
    each = torch.stack([unit_sums(s.key, form) for s in sums])
    return unit_sums((each * present[:, :, None]).sum(dim=0), form), present.any(dim=0)


def unit_sums(sums: Tensor, form: UpdateSums) -> Tensor:
    """Return sums (T, C) as they meet the old items: of unit norm, or raw."""
    return normalize(sums, dim=1) if form == "unit" else sums


def moved(old: Tensor, new: Tensor, kept: Tensor, present: Tensor) -> Tensor:
    """Return L2norm(kept * old + (1 - kept) * new) where the slot has pixels, else the old item (eq. 4 and 5).

    Args:
        old: (T, C), unit items.
        new: (T, C), items of this batch.
        kept: (T,), share of the old item in [0, 1].
        present: (T,) bool.
    """
    mixed = normalize(kept[:, None] * old + (1 - kept[:, None]) * new, dim=1)
    return torch.where(present[:, None], mixed, old)
