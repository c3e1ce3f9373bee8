"""MUNIT's encoders of one contrast (Huang et al., ECCV 2018, arXiv 1804.04732): content is a map, style a vector."""

import itertools

from torch import Tensor, nn

from hifisyn.networks.blocks import INConv, INRes, reflected
from hifisyn.networks.module import Layers, TensorModule

BLOCKS = 4
STYLE_HALVINGS, STYLE_DOUBLINGS = 4, 2
LEAST_STYLE_SIDE = 4


class MunitContentEncoder(Layers):
    """Conv 7x7, `n_down` convolutions 4x4 of stride 2, residual blocks, all with instance norm without affine.

    (N, 1, H, W) in [-1, 1] to (N, width * 2**n_down, H / 2**n_down, W / 2**n_down).

    Args:
        width: channels of the first convolution, 64 as published.
        n_down: halvings, 2 as published.
        blocks: residual blocks, 4 as published.
    """

    def __init__(self, width: int = 64, n_down: int = 2, blocks: int = BLOCKS) -> None:
        widths = [width * 2**k for k in range(n_down + 1)]
        super().__init__(
            INConv(1, width, 7, padding=3),
            *(INConv(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)),
            *(INRes(widths[-1]) for _ in range(blocks)),
        )


class MunitStyleEncoder(TensorModule):
    """Convolutions without norm, which would remove the style, then the mean over all positions and a 1x1.

    Args:
        side: pixels along each side of the images; below 64 there are fewer halvings than four, see `style_halvings`.
        width: channels of the first convolution, 64 as published; four times as many from the second halving on.
        code: entries of a style, 8 as published.
    """

    def __init__(self, side: int = 256, width: int = 64, code: int = 8) -> None:
        super().__init__()
        widths = [width * 2 ** min(k, STYLE_DOUBLINGS) for k in range(style_halvings(side) + 1)]
        self.layers = Layers(
            reflected(1, width, 7, padding=3),
            nn.ReLU(),
            *(layer for a, b in itertools.pairwise(widths) for layer in _halving(a, b)),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(widths[-1], code, 1),
            nn.Flatten(),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return the style (N, code) of images (N, 1, H, W) in [-1, 1]."""
        return self.layers(image)


def style_halvings(side: int) -> int:
    """Return how many halvings, four at most, leave at least 4 pixels a side.

    >>> [style_halvings(side) for side in (16, 32, 64, 216, 256)]
    [2, 3, 4, 4, 4]
    """
    return max(1, min(STYLE_HALVINGS, (side // LEAST_STYLE_SIDE).bit_length() - 1))


def _halving(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return reflected(in_channels, out_channels, 4, stride=2, padding=1), nn.ReLU()
