"""Adversarial losses on images (HiFi-Syn eq. 16) and on content (eq. 15), as DRIT computes them, on logits.

Differs from the paper: both equations lack parentheses, and eq. 15 prints the uniform target of E^c alone. The forms
here are those of DRIT's code, from which the paper starts; from three contrasts on, where it has none, D^c has a class
for each. Logits instead of a sigmoid keep the gradient alive.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hifisyn.losses.total import total
from hifisyn.networks.precision import wide

REAL, FAKE, UNDECIDED = 1.0, 0.0, 0.5


def cross_entropy(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean binary cross-entropy to one target in [0, 1], summed over the scales of a discriminator."""
    return torch.stack([binary_cross_entropy_with_logits(x, torch.full_like(x, target)) for x in logits]).sum()


def least_squares(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean squared distance to one target, summed over the scales of a discriminator (LSGAN, ICCV 2017)."""
    return torch.stack([(x - target).square().mean() for x in logits]).sum()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return what D_i minimises: BCE(D_i(m_i), 1) + BCE(D_i(m_{j->i}), 0)."""
    return cross_entropy(real, REAL) + cross_entropy(fake, FAKE)


def generator_loss(fake: Sequence[Tensor]) -> Tensor:
    """Return what G minimises: BCE(D_i(m_{j->i}), 1), the non-saturating form."""
    return cross_entropy(fake, REAL)


def content_discriminator_loss(logits: Mapping[str, Tensor], domains: Sequence[str]) -> Tensor:
    """Return what D^c minimises: the cross-entropy to the contrast that a content is of, summed over the contrasts.

    Args:
        logits: of D^c, (N, L, h, w), by the contrast whose content it saw; some of the domains or all. One logit is
            large for the second domain; else there is one for each.
        domains: names of all contrasts.
    """
    return total(_cross_entropy_to_domain(logits[m], domains.index(m)) for m in domains if m in logits)


def content_adversarial_loss(logits: Mapping[str, Tensor], domains: Sequence[str]) -> Tensor:
    """Return what E^c minimises: D^c is to hold every contrast for as likely as the others.

    Args:
        logits: as `content_discriminator_loss`.
        domains: names of all contrasts.
    """
    return total(_undecided(logits[m]) for m in domains if m in logits)


def _cross_entropy_to_domain(logits: Tensor, domain: int) -> Tensor:
    if logits.shape[1] == 1:
        return cross_entropy([logits], float(domain))
    return -wide(logits).log_softmax(dim=1)[:, domain].mean()


def _undecided(logits: Tensor) -> Tensor:
    """The mean over the logits of minus their log-probability is the cross-entropy to a uniform target."""
    return cross_entropy([logits], UNDECIDED) if logits.shape[1] == 1 else -wide(logits).log_softmax(dim=1).mean()


@torch.no_grad()
def mean_probability(logits: Sequence[Tensor]) -> Tensor:
    """Return how real a discriminator holds images on average: 0.5 is chance, for a curve."""
    return torch.stack([x.float().sigmoid().mean() for x in logits]).mean()
