"""Adversarial losses on images (HiFi-Syn eq. 16) and on content (eq. 15), as DRIT computes them, on logits.

Differs from the paper: both equations lack parentheses, and eq. 15 prints the uniform target of E^c alone. The forms
here are those of DRIT's code, from which the paper starts. Logits instead of a sigmoid keep the gradient alive.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

REAL, FAKE, UNDECIDED = 1.0, 0.0, 0.5


def cross_entropy(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean binary cross-entropy to one target in [0, 1], summed over the scales of a discriminator."""
    return torch.stack([binary_cross_entropy_with_logits(x, torch.full_like(x, target)) for x in logits]).sum()


def least_squares(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean squared distance to one target, summed over the scales of a discriminator (LSGAN, ICCV 2017)."""
    return torch.stack([(x - target).square().mean() for x in logits]).sum()


def domain_critic(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return what D_i minimises: BCE(D_i(m_i), 1) + BCE(D_i(m_{j->i}), 0)."""
    return cross_entropy(real, REAL) + cross_entropy(fake, FAKE)


def domain_generator(fake: Sequence[Tensor]) -> Tensor:
    """Return what G minimises: BCE(D_i(m_{j->i}), 1), the non-saturating form."""
    return cross_entropy(fake, REAL)


def content_critic(content_i: Tensor, content_j: Tensor) -> Tensor:
    """Return what D^c minimises, of its logits: BCE(D^c(z_i), 0) + BCE(D^c(z_j), 1)."""
    return cross_entropy([content_i], 0.0) + cross_entropy([content_j], 1.0)


def content_encoder(content_i: Tensor, content_j: Tensor) -> Tensor:
    """Return what E^c minimises: the D^c logits of both modalities are to mean a probability of one half."""
    return cross_entropy([content_i], UNDECIDED) + cross_entropy([content_j], UNDECIDED)


@torch.no_grad()
def mean_probability(logits: Sequence[Tensor]) -> Tensor:
    """Return how real a discriminator holds images on average: 0.5 is chance, for a curve."""
    return torch.stack([x.float().sigmoid().mean() for x in logits]).mean()
