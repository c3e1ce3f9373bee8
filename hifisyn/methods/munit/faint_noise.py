"""Noise for slices that are constant, on which a chain of instance norms blows up every gradient."""

import torch
from torch import Tensor

DEVIATION = 0.01


def with_faint_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Return images (N, 1, H, W), the constant ones among them with noise of deviation 0.01.

    The gradient of an instance norm of a constant map is 1 / sqrt(1e-5), about 300; a chain of fifteen leaves nothing
    finite. On faint noise the first norm makes ordinary maps for all others.
    """
    noise = torch.randn(image.shape, generator=generator, device=generator.device, dtype=image.dtype)
    flat = image.flatten(1)
    constant = (flat.amax(dim=1) == flat.amin(dim=1)).view(-1, *(1 for _ in image.shape[1:]))
    return torch.where(constant, image + DEVIATION * noise.to(image.device), image)
