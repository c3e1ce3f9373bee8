"""Where a target lies a little off its source: the shift of up to a pixel that fits best, one for each slice.

Rigid registration leaves a fraction of a voxel that is much the same all over a slice. Under L1 a network answers it
with the median over all places where an edge may lie: a blur. Here the target is compared where it fits the
translation best. The shift is one for the whole slice: of each pixel, or of each small window, the best of nine would
be taken by chance, which rewards noise (windows of 9 pixels made worse images than plain L1). It must save some of the
error, so that nothing moves where nothing is gained. A registration network (RegGAN's) could follow longer and bent
shifts, but has to be learnt beside the translation from as few pairs, and may carry anatomy from the target into what
the loss sees.
"""

from itertools import product

import torch
from torch import Tensor
from torch.nn.functional import pad

from hifisyn.intensities import OUTSIDE


@torch.no_grad()
def best_fit(images: Tensor, targets: Tensor, brain: Tensor, reach: int, toll: float) -> Tensor:
    """Return the targets, each slice moved by the whole pixels at which it fits its image best.

    Args:
        images: (N, 1, H, W), translations; no gradient leads through the choice.
        targets: (N, 1, H, W).
        brain: (N, 1, H, W), 1 where errors count, else 0.
        reach: largest shift in either axis; 0: the targets as they are.
        toll: share of the error without a shift that one must save.

    >>> y = torch.rand(1, 1, 16, 16)
    >>> torch.equal(best_fit(y, y, torch.ones_like(y), reach=1, toll=0.02), y)
    True
    """
    best, least = targets, _error(images, targets, brain) * (1 - toll)
    for down, right in product(range(-reach, reach + 1), repeat=2):
        if (down, right) != (0, 0):
            moved = shifted(targets, down, right)
            error = _error(images, moved, brain)
            best, least = torch.where(error < least, moved, best), torch.minimum(error, least)
    return best


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Return images (N, C, H, W) moved by whole pixels; -1 comes in from the border.

    >>> shifted(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), 1, 0)[0, 0].tolist()
    [[-1.0, -1.0], [1.0, 2.0]]
    """
    height, width = images.shape[-2:]
    margin = max(abs(down), abs(right))
    padded = pad(images, (margin,) * 4, value=OUTSIDE)
    return padded[..., margin - down : margin - down + height, margin - right : margin - right + width]


def _error(images: Tensor, targets: Tensor, brain: Tensor) -> Tensor:
    """Return the summed error of each slice in the brain, (N, 1, 1, 1)."""
    return ((images - targets).abs() * brain).sum(dim=(1, 2, 3), keepdim=True)
