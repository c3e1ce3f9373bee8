"""A penalty on discriminators whose gradient is far from a norm, between real and generated images (WGAN-GP, 2017)."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: torch.Generator, norm: float = 1.0
) -> Tensor:
    """Return the mean over images of (|g| - norm)^2, g the gradient of the summed logits at a random mixture.

    In float32, whatever the precision around: its own gradient is a second derivative.

    Args:
        discriminator: images to logits of any shape.
        real: (N, 1, H, W).
        fake: as many generated ones; no gradient reaches them.
        rng: source of the share of the real image in each mixture, uniform in [0, 1].
        norm: gamma, that of the gradient with respect to a whole image.

    Returns:
        () float32, differentiable with respect to the parameters of `discriminator`.
    """
    with torch.autocast(real.device.type, enabled=False):
        share = torch.rand(len(real), 1, 1, 1, generator=rng, device=rng.device)
        mixed = torch.lerp(fake.detach().float(), real.detach().float(), share).requires_grad_()
        (gradient,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
        # As published: a discriminator that is constant keeps its norm, and the derivative of that, away from 0.
        norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1) + 1e-16, dim=1)
        return (norms - norm).square().mean()
