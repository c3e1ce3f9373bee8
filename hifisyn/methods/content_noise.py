"""The noise that DRIT++ adds to content in training, and with it HiFi-Syn and MGUIT, so that content stays coarse."""

import torch
from torch import Tensor


def with_noise(content: Tensor, std: float, rng: torch.Generator) -> Tensor:
    """Return content (N, C, h, w) plus noise from N(0, std), drawn on the generator's device."""
    noise = torch.randn(content.shape, generator=rng, device=rng.device)
    return content + std * noise.to(content)
