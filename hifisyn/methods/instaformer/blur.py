"""Halving and doubling with a blur, so that moved images make moved maps (Zhang, ICML 2019, arXiv 1904.11486)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from hifisyn.networks.module import TensorModule

TAPS = (0.25, 0.5, 0.25)


class BlurDown(TensorModule):
    """Every second pixel after [1 2 1] x [1 2 1] / 16, reflected at the border; row y lies on row 2y of the input.

    Args:
        channels: each is blurred by itself.
    """

    kernel: Tensor
    each_process_its_own = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor(TAPS)
        self.register_buffer("kernel", torch.outer(taps, taps).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, ceil(H / 2), ceil(W / 2)); sides of at least 2."""
        return conv2d(pad(x, (1, 1, 1, 1), mode="reflect"), self.kernel, stride=2, groups=len(self.kernel))


class BlurUp(nn.Upsample):
    """Twice the side: zeros between the pixels, then [1 3 3 1] x [1 3 3 1] / 16 with repeated borders.

    Those taps are what bilinear interpolation does, by which it is computed.
    """

    def __init__(self) -> None:
        super().__init__(scale_factor=2, mode="bilinear", align_corners=False)
