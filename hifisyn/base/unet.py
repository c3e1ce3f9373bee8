"""The base model's network: a U-Net over a slice amid its neighbours, told what it is given and what is wanted.

What is told is one vector, and moves scale and shift of every norm (FiLM, Perez et al., AAAI 2018). Constant planes
beside the images would be lost: an instance norm removes from each channel what is the same everywhere, and with it
all that a plane adds, but for the border.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, instance_norm, interpolate, leaky_relu

from hifisyn.base.condition import LENGTH
from hifisyn.base.contrasts import SLOTS, STACK, TARGETS
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import in_single

HALVINGS = 3
MULTIPLE = 2**HALVINGS  # that sides of slices are brought to
HIDDEN = 64
SLOPE = 0.1
LOG_SCALE = (-5.0, 1.0)
FIRST_LOG_SCALE = -1.5


class ToldNorm(nn.Module):
    """Instance norm with affine, whose scale and shift move with what is told.

    Args:
        channels: of the images.
        told: length of what is told.
    """

    def __init__(self, channels: int, told: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.moves = nn.Linear(told, 2 * channels)
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.bias)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(N, C, H, W) and (N, told) to (N, C, H, W)."""
        scale, shift = self.moves(told).chunk(2, dim=1)
        together = x.reshape(1, -1, *x.shape[2:])  # one image of N * C channels, each with an affine of its own
        weight, bias = (self.weight + scale).flatten(), (self.bias + shift).flatten()
        return instance_norm(together, weight=weight, bias=bias).view_as(x)


class Level(nn.Module):
    """Two times convolution, norm, leaky ReLU."""

    def __init__(self, in_channels: int, channels: int, told: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm, self.second_norm = ToldNorm(channels, told), ToldNorm(channels, told)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """(N, in_channels, H, W) and (N, told) to (N, channels, H, W)."""
        x = leaky_relu(self.first_norm(self.first(x), told), SLOPE)
        return leaky_relu(self.second_norm(self.second(x), told), SLOPE)


class BaseNetwork(TensorModule):
    """Any contrasts of a slice and its neighbours in; an image and a logarithm of its expected error a target out.

    Args:
        width: channels at full size; twice as many after each of three halvings.
        slots: contrasts that can be given.
        told: length of what it is told.
        targets: contrasts that come out.
    """

    def __init__(self, width: int, slots: int = len(SLOTS), told: int = LENGTH, targets: int = len(TARGETS)) -> None:
        super().__init__()
        self.width = width
        channels = [width * 2**n for n in range(HALVINGS + 1)]
        self.told = Layers(nn.Linear(told, HIDDEN), nn.LeakyReLU(SLOPE), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(SLOPE))
        before = [slots * STACK, *channels]
        self.down = nn.ModuleList(Level(i, o, HIDDEN) for i, o in zip(before, channels, strict=False))
        self.up = nn.ModuleList(Level(3 * c, c, HIDDEN) for c in reversed(channels[:-1]))
        self.last = nn.Conv2d(width, 2 * targets, 1)
        with torch.no_grad():
            assert self.last.bias is not None
            self.last.bias[targets:] = FIRST_LOG_SCALE

    def forward(self, slices: Tensor, condition: Tensor) -> Tensor:
        """Synthesise every target.

        Args:
            slices: (N, slots * 3, H, W) in [-1, 1], -1 where a slot is empty; sides a multiple of 8.
            condition: (N, told); for the base model that of `condition`.

        Returns:
            (N, 2 * targets, H, W): the images in [-1, 1], then the logarithms of their expected absolute errors.
        """
        told, x = self.told(condition), slices
        passed: list[Tensor] = []
        for level in self.down:
            x = level(avg_pool2d(x, 2) if passed else x, told)
            passed.append(x)
        for level, beside in zip(self.up, reversed(passed[:-1]), strict=True):
            grown = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = level(torch.cat([beside, grown], dim=1), told)
        images, scales = in_single(self.last, x).chunk(2, dim=1)
        return torch.cat([torch.tanh(images), scales.clamp(*LOG_SCALE)], dim=1)
