"""MUNIT's decoder of one contrast (Huang et al., ECCV 2018, arXiv 1804.04732): content and a style make an image.

The style acts through adaptive instance norm in the residual blocks alone. After them there is a layer norm, since
an instance norm would erase again what the style has set.
"""

import itertools

import torch
from torch import Tensor, nn

from hifisyn.methods.munit.encoders import BLOCKS
from hifisyn.networks.adain import adaptive_instance_norm
from hifisyn.networks.blocks import reflected
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import InSingle, wide

EPSILON, TINY = 1e-5, 1e-16
HIDDEN = 4  # times the width: 256 entries as published


class MunitDecoder(TensorModule):
    """Residual blocks under a style, `n_down` doublings, conv 7x7 and tanh.

    Args:
        width: channels before the last convolution, 64 as published.
        n_down: doublings, 2 as published.
        blocks: residual blocks, 4 as published.
        code: entries of a style, 8 as published.
    """

    def __init__(self, width: int = 64, n_down: int = 2, blocks: int = BLOCKS, code: int = 8) -> None:
        super().__init__()
        widths = [width * 2**k for k in range(n_down, -1, -1)]
        hidden = HIDDEN * width
        self.blocks = nn.ModuleList(StyledBlock(widths[0]) for _ in range(blocks))
        self.statistics = Layers(
            nn.Linear(code, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, blocks * StyledBlock.STATISTICS * widths[0]),
        )
        self.image = Layers(
            *(layer for a, b in itertools.pairwise(widths) for layer in _doubling(a, b)),
            InSingle(reflected(width, 1, 7, padding=3)),
            nn.Tanh(),
        )

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Render (N, width * 2**n_down, h, w) in the styles (N, code): (N, 1, h * 2**n_down, w * 2**n_down)."""
        all_statistics = self.statistics(style).view(len(style), len(self.blocks), StyledBlock.STATISTICS, -1)
        for block, statistics in zip(self.blocks, all_statistics.unbind(1), strict=True):
            content = block(content, statistics)
        return self.image(content)


class StyledBlock(TensorModule):
    """x + [conv3x3, AdaIN, ReLU, conv3x3, AdaIN](x), nothing after the sum."""

    STATISTICS = 4  # numbers a channel: mean and deviation after each of the two convolutions

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = reflected(channels, channels, 3, padding=1)
        self.second = reflected(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, statistics: Tensor) -> Tensor:
        """(N, C, h, w), and (N, 4, C) in the order mean, deviation, mean, deviation, to (N, C, h, w)."""
        mean_1, deviation_1, mean_2, deviation_2 = statistics.unbind(1)
        inner = adaptive_instance_norm(self.first(x), mean_1, deviation_1).relu()
        return x + adaptive_instance_norm(self.second(inner), mean_2, deviation_2)


class MunitLayerNorm(TensorModule):
    """(x - mean) / (deviation + 1e-5) of each image over (C, H, W), then an affine a channel.

    The deviation is the unbiased one. A tiny number under its root keeps the gradient finite where an image is
    constant; the published code has NaN there. The gain is drawn from U(0, 1) and the shift is 0, as published.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.empty(channels).uniform_())
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same, in at least single precision."""
        x = wide(x)
        variance, mean = torch.var_mean(x, dim=(1, 2, 3), correction=1, keepdim=True)
        normed = (x - mean) / ((variance + TINY).sqrt() + EPSILON)
        return normed * self.gain[:, None, None] + self.shift[:, None, None]


def _doubling(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    convolution = reflected(in_channels, out_channels, 5, padding=2)
    return nn.Upsample(scale_factor=2), convolution, MunitLayerNorm(out_channels), nn.ReLU()
