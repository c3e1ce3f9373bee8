"""Residual blocks of StarGAN v2 (Choi et al., CVPR 2020, arXiv 1912.01865), with and without a style.

Convolutions pad with zeros; each sum is divided by sqrt(2), so that a chain of blocks keeps the variance.
"""

import math

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from hifisyn.networks.adain import adaptive_instance_norm
from hifisyn.networks.module import Layers, TensorModule

SLOPE = 0.2
WIDEST = 8


def doubled(channels: int, width: int) -> int:
    """Return the channels after a halving: twice as many, at most 8 * width (512 as published)."""
    return min(2 * channels, WIDEST * width)


class ResBlock(TensorModule):
    """([norm,] act, conv3x3, pool, [norm,] act, conv3x3)(x) + (conv1x1, pool)(x).

    Args:
        in_channels: channels that come in; the first convolution keeps them.
        out_channels: channels that leave; the shortcut has a convolution only where they are others.
        norm: affine instance norm before each activation, as in the generator.
        down: halve the side by averaging 2x2 pixels.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool = False, down: bool = False) -> None:
        super().__init__()
        pool: list[nn.Module] = [nn.AvgPool2d(2)] if down else []
        self.branch = Layers(
            *_activation(in_channels, norm),
            nn.Conv2d(in_channels, in_channels, 3, padding=1),
            *pool,
            *_activation(in_channels, norm),
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
        )
        self.shortcut = _shortcut(in_channels, out_channels)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H, W), or half the side, rounded down."""
        beside = self.shortcut(x)
        return (self.branch(x) + (avg_pool2d(beside, 2) if self.down else beside)) / math.sqrt(2)


class AdaIN(TensorModule):
    """Instance norm whose scale 1 + gamma and shift beta a linear layer makes of a style."""

    def __init__(self, channels: int, style_width: int) -> None:
        super().__init__()
        self.affine = nn.Linear(style_width, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(N, C, H, W) and (N, style_width) to (N, C, H, W)."""
        gamma, beta = self.affine(style).chunk(2, dim=1)
        return adaptive_instance_norm(x, beta, 1 + gamma)


class StyledResBlock(TensorModule):
    """(AdaIN, act, double, conv3x3, AdaIN, act, conv3x3)(x, style) + (double, conv1x1)(x).

    Args:
        in_channels: channels that come in.
        out_channels: channels that leave; the first convolution makes them.
        style_width: entries of a style.
        up: double the side by repeating pixels.
    """

    def __init__(self, in_channels: int, out_channels: int, style_width: int, *, up: bool = False) -> None:
        super().__init__()
        self.norms = nn.ModuleList([AdaIN(channels, style_width) for channels in (in_channels, out_channels)])
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(channels, out_channels, 3, padding=1) for channels in (in_channels, out_channels)]
        )
        self.shortcut = _shortcut(in_channels, out_channels)
        self.up = up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(N, C_in, H, W) and (N, style_width) to (N, C_out, H, W), or twice the side."""
        first = self._enlarged(leaky_relu(self.norms[0](x, style), SLOPE))
        second = leaky_relu(self.norms[1](self.convolutions[0](first), style), SLOPE)
        output: Tensor = self.convolutions[1](second) + self.shortcut(self._enlarged(x))
        return output / math.sqrt(2)

    def _enlarged(self, x: Tensor) -> Tensor:
        return interpolate(x, scale_factor=2, mode="nearest") if self.up else x


def _activation(channels: int, norm: bool) -> tuple[nn.Module, ...]:
    active = nn.LeakyReLU(SLOPE)
    return (nn.InstanceNorm2d(channels, affine=True), active) if norm else (active,)


def _shortcut(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1, bias=False)
