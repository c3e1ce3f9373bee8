"""RegGAN's registration network R (Kong et al., NeurIPS 2021, arXiv 2110.06465): a residual U-Net.

Differs from the authors' code:
- The number of halvings follows the side of the image, so that two or three pixels remain; seven for 256, as published.
- Widths go with the plan's, 64 as published, and are at least 4.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from hifisyn.networks.blocks import INRes
from hifisyn.networks.module import Layers, TensorModule

SLOPE = 0.2
MOST_LEVELS, LEAST_SIDE, LEAST_WIDTH = 7, 2, 4
BOTTOM_BLOCKS = 3
OUTPUT_STD = 1e-5


class RegistrationNet(TensorModule):
    """Where to look in the moving image to find what the fixed one shows: (N, 2, H, W), in pixels down and right.

    Zero padding outside the residual blocks, leaky ReLUs, biases everywhere. A fresh network answers with almost 0.

    Args:
        side: pixels along each side of the images.
        width: of the method's generator, 64 as published; channels here are 32, 64 and, at the bottom, 128.
    """

    def __init__(self, side: int = 256, width: int = 64) -> None:
        super().__init__()
        narrow, wide, bottom = (max(LEAST_WIDTH, c * width // 64) for c in (32, 64, 128))
        widths = [narrow] + [wide] * (levels_of(side) - 1)
        self.down = nn.ModuleList(Layers(*_convolved(a, b, 3), INRes(b)) for a, b in itertools.pairwise([2, *widths]))
        self.bottom = Layers(
            *_convolved(widths[-1], bottom, 1),
            *(INRes(bottom) for _ in range(BOTTOM_BLOCKS)),
            *_convolved(bottom, widths[-1], 1),
        )
        upwards = itertools.pairwise([widths[-1], *reversed(widths)])
        self.up = nn.ModuleList(Layers(*_convolved(below + skip, skip, 3)) for below, skip in upwards)
        self.refine = Layers(INRes(narrow), *_convolved(narrow, narrow, 1))
        self.output = nn.Conv2d(narrow, 2, 3, padding=1)
        self._draw()

    def forward(self, pair: Tensor) -> Tensor:
        """Return the field (N, 2, H, W) of the moving and the fixed image, which are the channels of (N, 2, H, W)."""
        x, skips = pair, []
        for down in self.down:
            skips.append(down(x))
            x = max_pool2d(skips[-1], 2)
        x = self.bottom(x)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            x = interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = up(torch.cat([x, skip], dim=1))
        field: Tensor = self.output(self.refine(x))
        return field

    def _draw(self) -> None:
        """Draw weights after He et al., each for the ReLU that follows, and those of the output close to 0."""
        rectified = {m for block in self.modules() if isinstance(block, INRes) for m in block.modules()}
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                assert module.bias is not None
                nn.init.kaiming_normal_(module.weight, a=0 if module in rectified else SLOPE)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.output.weight, 0.0, OUTPUT_STD)


def levels_of(side: int) -> int:
    """Return how often a side is halved, rounding down, so that two or three pixels remain; seven times at most.

    >>> [levels_of(side) for side in (16, 96, 128, 216, 256, 512)]
    [3, 5, 6, 6, 7, 7]
    """
    return max(1, min(MOST_LEVELS, (side // LEAST_SIDE).bit_length() - 1))


def _convolved(in_channels: int, out_channels: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2), nn.LeakyReLU(SLOPE)
