"""R1: the gradient of a discriminator at real images is kept small (Mescheder et al., ICML 2018, arXiv 1801.04406)."""

import torch
from torch import Tensor


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Return half of the mean over images of the squared norm of the gradient; itself differentiable.

    To be called outside autocast, on logits that were computed there too: the square of a gradient loses too much in
    16 bits.

    Args:
        logits: any shape whose first axis is the images; each is of its own image alone.
        images: (N, ...) float32 that require a gradient, of which the logits were computed.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean() / 2
