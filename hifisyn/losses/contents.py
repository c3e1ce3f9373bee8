"""What the three granularity losses compare: every content of a step, beside its translation."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

UNKNOWN = -1  # label of a pixel of an unlabelled image


@dataclass(frozen=True)
class Contents:
    """M source images of a step, both contrasts together, and their translations.

    Attributes:
        original: z^c of the images, (M, C, P), P pixels.
        translated: z^c_{i->j}, the contents of their translations, (M, C, P).
        labels: (M, P) int64 label of each content pixel, which the translation shares; UNKNOWN without labels.
        subjects: (M,) int64; equal numbers are one person.
    """

    original: Tensor
    translated: Tensor
    labels: Tensor
    subjects: Tensor

    def in_float32(self) -> "Contents":
        """Return the contents in at least single precision: a temperature of 0.07 magnifies what bfloat16 rounds."""
        wide = torch.promote_types(self.original.dtype, torch.float32)
        return Contents(self.original.to(wide), self.translated.to(wide), self.labels, self.subjects)

    def swapped(self) -> "Contents":
        """Return the contents with originals and translations in each other's role."""
        return Contents(self.translated, self.original, self.labels, self.subjects)

    def others(self) -> Tensor:
        """(M, M) bool: whether two images are of different people."""
        return self.subjects[:, None] != self.subjects[None, :]


def unit(features: Tensor, dim: int) -> Tensor:
    """Return features of unit L2 norm along a dimension."""
    return normalize(features, dim=dim)


def information_nce(positive: Tensor, logits: Tensor, counted: Tensor, pull: Tensor | None = None) -> Tensor:
    """Return -log[exp(positive) / (exp(positive) + sum over the counted of exp(logits))] along the last dimension.

    Args:
        positive: (...), cosine over temperature.
        logits: (..., K), cosines over temperature of what may be pushed away.
        counted: (..., K) bool, which of them are negatives.
        pull: (...), replaces `positive` in the numerator alone.
    """
    all_logits = torch.cat([positive[..., None], logits.masked_fill(~counted, -torch.inf)], dim=-1)
    return all_logits.logsumexp(dim=-1) - (positive if pull is None else pull)
