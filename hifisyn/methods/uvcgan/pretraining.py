"""How UVCGAN's generators begin: one fills in what is masked in images of both contrasts, as BERT does with words."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

TILE, TILES = 32, 8
MASKED = 0.4
DEGREES, JITTER = 10.0, 0.2
RATE_PER_IMAGE = 5e-3 / 512
LEAST_SHARE = 1e-5
BETAS, WEIGHT_DECAY = (0.9, 0.99), 0.05


def pretraining_steps(share: float, total: int) -> int:
    """Return how many steps a share of a run has: at least one, unless it is 0, and never all.

    >>> pretraining_steps(0.1, 50_000), pretraining_steps(0.001, 40), pretraining_steps(0, 40)
    (5000, 1, 0)
    """
    return min(max(1, round(share * total)), total - 1) if share > 0 else 0


def cosine_share(iteration: int, steps: int) -> float:
    """Return the share of the initial rate in a step of the pre-training: half a cosine from 1 down to nearly 0.

    >>> [round(cosine_share(i, 10), 3) for i in (0, 5, 9)]
    [1.0, 0.5, 0.024]
    """
    return LEAST_SHARE + (1 - LEAST_SHARE) * (1 + math.cos(math.pi * min(iteration / max(steps, 1), 1))) / 2


def varied(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return images (N, 1, H, W) in [0, 1], each turned by up to 10 degrees, then of other brightness and contrast.

    What comes in from outside is black. Contrast is stretched around the mean of an image.
    """
    with torch.autocast(images.device.type, enabled=False):
        angle, brightness, contrast = torch.rand(3, len(images), generator=rng, device=rng.device) * 2 - 1
        angle = angle * math.radians(DEGREES)
        cosine, sine, nothing = angle.cos(), angle.sin(), torch.zeros_like(angle)
        turn = torch.stack([cosine, -sine, nothing, sine, cosine, nothing], dim=1).view(-1, 2, 3)
        turned = grid_sample(images, affine_grid(turn, list(images.shape), align_corners=False), align_corners=False)
        bright = (turned * (1 + JITTER * brightness).view(-1, 1, 1, 1)).clamp(0, 1)
        mean = bright.mean(dim=(1, 2, 3), keepdim=True)
        return torch.lerp(mean, bright, (1 + JITTER * contrast).view(-1, 1, 1, 1)).clamp(0, 1)


def masked(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return images (N, 1, H, W) with tiles set to 0, each with a probability of 0.4.

    Tiles have 32 pixels a side as published; where the image is smaller than 256, an eighth of it.
    """
    height, width = images.shape[2:]
    tile = max(1, min(TILE, height // TILES))
    rows, columns = -(-height // tile), -(-width // tile)
    kept = torch.rand(len(images), 1, rows, columns, generator=rng, device=rng.device) >= MASKED
    kept = kept.repeat_interleave(tile, dim=2).repeat_interleave(tile, dim=3)
    return images * kept[..., :height, :width]
