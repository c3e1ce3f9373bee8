"""What a step of StarGAN v2 translates, and into what: target domains, exemplars and random numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LATENT = 16


@dataclass(frozen=True)
class StyleTask:
    """M images, of both domains of the step. A domain is the place of a contrast among all of the training.

    Attributes:
        image: (M, 1, H, W), those of the step's first domain first.
        source: domains of the images, (M,) int64.
        target: domains to translate into.
        exemplars: two images (M, 1, H, W) of the target domain for each.
        latents: two times random numbers (M, LATENT).
    """

    image: Tensor
    source: Tensor
    target: Tensor
    exemplars: tuple[Tensor, Tensor]
    latents: tuple[Tensor, Tensor]


def draw_task(images: Tensor, domains: Sequence[int], rng: torch.Generator, *, always_swap: bool = False) -> StyleTask:
    """Draw a target domain, two exemplars and two latents for every image.

    The exemplars of an image are two of the target domain's; itself is the last to be taken, and one is taken twice
    where there are no two.

    Args:
        images: (2, N, 1, H, W), those of two domains.
        domains: which two.
        rng: source of the choice, on the images' device.
        always_swap: the target is the other domain of the two; else either may be drawn.
    """
    two, each = images.shape[:2]
    own = torch.arange(two, device=images.device).repeat_interleave(each)
    target = 1 - own if always_swap else torch.randint(two, own.shape, generator=rng, device=rng.device)
    rank = torch.rand(len(own), each, generator=rng, device=rng.device)
    itself = torch.eye(each, device=rank.device).repeat(two, 1) * (own == target)[:, None]
    order = (rank + itself).argsort(dim=1)
    first, second = images[target, order[:, 0]], images[target, order[:, min(1, each - 1)]]
    latents = torch.randn(2, len(own), LATENT, generator=rng, device=rng.device)
    number = torch.tensor(domains, device=images.device)
    return StyleTask(images.flatten(0, 1), number[own], number[target], (first, second), (latents[0], latents[1]))
