"""A fine image is seen twice, as it is and with pixels of double the side, and the two answers are averaged.

What lies far apart in a fine image is beyond the network's view: seen coarsely, it is judged amid its surroundings. On
two scans of 1 mm the mean was better in all six directions (`documentation/explanation/base_model.md`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from hifisyn.base.unet import MULTIPLE
from hifisyn.intensities import OUTSIDE

COARSEST_MM = 2.5  # of the pixels that the network learnt from
BLOCK = 2
LEAST_BRAIN = 0.5


def is_fine(pixel_mm: float, shape: Sequence[int]) -> bool:
    """Return whether pixels of double the side are still ones that the network knows, and enough are left of the image.

    >>> is_fine(1.0, (192, 224)), is_fine(2.0, (96, 112)), is_fine(1.0, (16, 16))
    (True, False, False)
    """
    return BLOCK * pixel_mm <= COARSEST_MM and max(shape) > BLOCK * MULTIPLE


def halved(stack: Tensor) -> Tensor:
    """Return slices (..., H / 2, W / 2): the mean of the brain in each block of 2 x 2, -1 where less than half is.

    Args:
        stack: (..., H, W), sides even, -1 outside the brain.
    """
    image = stack.reshape(-1, 1, *stack.shape[-2:])
    brain = (image > OUTSIDE).to(image.dtype)
    share = avg_pool2d(brain, BLOCK)
    mean = avg_pool2d((image - OUTSIDE) * brain, BLOCK) / share.clamp(min=LEAST_BRAIN) + OUTSIDE
    small = torch.where(share >= LEAST_BRAIN, mean, torch.full_like(mean, OUTSIDE))
    return small.reshape(*stack.shape[:-2], *small.shape[-2:])


def blended(fine: Tensor, coarse: Tensor, coarse_brain: Tensor) -> Tensor:
    """Return the mean of what was found at both scales, (S, C, H, W); where the coarse brain ends, the fine alone.

    Args:
        fine: (S, C, H, W).
        coarse: (S, C, h, w) with 2 h >= H and 2 w >= W, interpolated linearly between pixels of the brain.
        coarse_brain: (S, h, w) bool.
    """
    height, width = fine.shape[-2:]
    mask = coarse_brain[:, None].to(fine.dtype)
    weight, values = (
        interpolate(part, scale_factor=BLOCK, mode="bilinear", align_corners=False)[..., :height, :width]
        for part in (mask, coarse * mask)
    )
    return torch.where(weight > 0, (fine + values / weight.clamp(min=torch.finfo(fine.dtype).tiny)) / 2, fine)
