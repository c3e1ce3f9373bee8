"""Mode seeking: other codes are to give other images (Mao et al., CVPR 2019, arXiv 1903.05628; part of DRIT++)."""

import torch
from torch import Tensor

from hifisyn.networks.precision import wide

SMALLEST = 1e-5


def mode_seeking(images: tuple[Tensor, Tensor], codes: tuple[Tensor, Tensor]) -> Tensor:
    """Return 1 / (r + 1e-5), r the mean absolute difference of two images over that of their codes.

    Args:
        images: two batches (N, 1, H, W) rendered from the same content.
        codes: their codes (N, code).
    """
    with torch.autocast(images[0].device.type, enabled=False):
        apart, made_of = (_difference(*pair) for pair in (images, codes))
        return 1 / (apart / made_of + SMALLEST)


def _difference(one: Tensor, other: Tensor) -> Tensor:
    return (wide(one) - wide(other)).abs().mean()
