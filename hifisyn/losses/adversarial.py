"""Adversarial losses on images (HiFi-Syn eq. 16) and on content (eq. 15), as DRIT computes them, on logits.

Differs from the paper: both equations lack parentheses, and eq. 15 prints the uniform target of E^c alone. The forms
here are those of DRIT's code, from which the paper starts; from three contrasts on, where it has none, D^c has a class
for each. Logits instead of a sigmoid keep the gradient alive.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hifisyn.losses.total import total
from hifisyn.networks.precision import wide

REAL, FAKE, UNDECIDED = 1.0, 0.0, 0.5
Form = Literal["cross entropy", "least squares"]


def cross_entropy(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean binary cross-entropy to one target in [0, 1], summed over the scales of a discriminator."""
    return torch.stack([binary_cross_entropy_with_logits(x, torch.full_like(x, target)) for x in logits]).sum()


def least_squares(logits: Sequence[Tensor], target: float) -> Tensor:
    """Return the mean squared distance to one target, summed over the scales of a discriminator (LSGAN, ICCV 2017)."""
    return torch.stack([(x - target).square().mean() for x in logits]).sum()


FORMS: Mapping[Form, Callable[[Sequence[Tensor], float], Tensor]]
FORMS = {"cross entropy": cross_entropy, "least squares": least_squares}


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor], form: Form = "cross entropy") -> Tensor:
    """Return what D_i minimises: BCE(D_i(m_i), 1) + BCE(D_i(m_{j->i}), 0), or squared distances to 1 and 0."""
    distance = FORMS[form]
    return distance(real, REAL) + distance(fake, FAKE)


def generator_loss(fake: Sequence[Tensor], form: Form = "cross entropy") -> Tensor:
    """Return what G minimises: BCE(D_i(m_{j->i}), 1), the non-saturating form, or the squared distance to 1."""
    return FORMS[form](fake, REAL)


def gradient_penalty(logits: Sequence[Tensor], images: Tensor) -> Tensor:
    """Return R1: half the squared norm of D's gradient at real images, mean over images (Mescheder et al., ICML 2018).

    Args:
        logits: of the images, a map a scale; each counts by its mean, so that the weight holds at every size.
        images: (N, 1, H, W), that require a gradient.
    """
    score = torch.stack([wide(x).flatten(1).mean(dim=1).sum() for x in logits]).sum()
    (gradient,) = torch.autograd.grad(score, images, create_graph=True)
    return wide(gradient).square().flatten(1).sum(dim=1).mean() / 2


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
