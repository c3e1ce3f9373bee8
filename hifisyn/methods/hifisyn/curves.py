"""Curves that tell a dead part of HiFi-Syn: a bank of one vector, slots that nobody chooses, reads of anything."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hifisyn.losses.contents import UNKNOWN
from hifisyn.methods.content_masks import ContentMasks
from hifisyn.methods.hifisyn.memory_bank import BrainMemoryBank
from hifisyn.methods.hifisyn.memory_update import candidates


@torch.no_grad()
def bank_curves(bank: BrainMemoryBank) -> dict[str, Tensor]:
    """Return the mean absolute cosine among keys and among values (near 1: a dead bank), and slots in want of pixels.

    `idle_slots` counts the slots that no pixel chose in the last step though their structure was there.
    """
    filled = bank.known.any(dim=0)
    values = torch.stack([_mean_cosine(table, known) for table, known in zip(bank.values, bank.known, strict=True)])
    return {
        "key_cosine": _mean_cosine(bank.keys, filled),
        "value_cosine": values.mean(),
        "empty_slots": (~filled).sum(),
        "idle_slots": (bank.age > 0).sum(),
    }


@torch.no_grad()
def own_class_share(bank: BrainMemoryBank, masks: ContentMasks, contents: dict[str, Tensor]) -> Tensor:
    """Return which share of an unlabelled read falls on structural slots of the pixel's own class.

    Mean over labelled foreground pixels of all contrasts; 0 if there are none.
    """
    known = bank.known.any(dim=0)
    total = own = torch.zeros((), device=known.device)
    for m, content in contents.items():
        weights = bank.weights(content, known, None)
        structural, _ = candidates(masks.labels[m], bank.slot_class)
        counted = masks.foreground[m] & (masks.labels[m] != UNKNOWN)
        own = own + ((weights * structural).sum(dim=1) * counted).sum()
        total = total + counted.sum()
    return own / total.clamp_min(1)


def _mean_cosine(vectors: Tensor, counted: Tensor) -> Tensor:
    """Mean absolute cosine over pairs of different rows, of those counted; 0 for fewer than two."""
    unit = normalize(vectors, dim=1) * counted[:, None]
    pairs = counted.sum() * (counted.sum() - 1)
    cosine = (unit @ unit.t()).abs()
    return (cosine.sum() - cosine.diagonal().sum()) / pairs.clamp_min(1)
