"""What a step of StarGAN v2 translates, and into what: target domains, exemplars and random numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor

LATENT = 16


@dataclass(frozen=True)
class Task:
    """M images of all domains together.

    Attributes:
        image: (M, 1, H, W), those of the first domain first.
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


def draw_task(images: Tensor, rng: torch.Generator, *, always_swap: bool = False) -> Task:
    """Draw a target domain, two exemplars and two latents for every image.

    The exemplars of an image are two of the target domain's; itself is the last to be taken, and one is taken twice
    where there are no two.

    Args:
        images: (domains, N, 1, H, W).
        rng: source of the choice, on the images' device.
        always_swap: of two domains, the target is the other one; else any may be drawn.
    """
    domains, each = images.shape[:2]
    source = torch.arange(domains, device=images.device).repeat_interleave(each)
    if always_swap:
        target = domains - 1 - source
    else:
        target = torch.randint(domains, source.shape, generator=rng, device=rng.device)
    rank = torch.rand(len(source), each, generator=rng, device=rng.device)
    itself = torch.eye(each, device=rank.device).repeat(domains, 1) * (source == target)[:, None]
    order = (rank + itself).argsort(dim=1)
    first, second = images[target, order[:, 0]], images[target, order[:, min(1, each - 1)]]
    latents = torch.randn(2, len(source), LATENT, generator=rng, device=rng.device)
    return Task(images.flatten(0, 1), source, target, (first, second), (latents[0], latents[1]))
