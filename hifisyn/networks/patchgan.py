"""CycleGAN's discriminator of overlapping patches of 70x70 pixels (Isola et al., CVPR 2017)."""

import itertools

from torch import Tensor, nn

from hifisyn.networks.module import Layers, TensorModule

SLOPE = 0.2
MOST_HALVINGS = 3


class PatchGAN(TensorModule):
    """Five convolutions 4x4: three of stride 2, two of stride 1; instance norm on all but the first and the last.

    Args:
        side: pixels along each side of the images; below 24 there are fewer halvings than three, so that logits remain.
        width: channels of the first convolution, 64 as published; at most eight times as many.
    """

    def __init__(self, side: int = 256, width: int = 64) -> None:
        super().__init__()
        halvings = halvings_of(side)
        widths = [width * 2**k for k in range(halvings + 1)]
        self.layers = Layers(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            *(
                layer
                for k, (a, b) in enumerate(itertools.pairwise(widths), 1)
                for layer in _normed(a, b, stride=2 if k < halvings else 1)
            ),
            nn.Conv2d(widths[-1], 1, 4, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, 1, h, w), 30x30 for 256x256, of (N, 1, H, W); large means real."""
        return self.layers(image)


def halvings_of(side: int) -> int:
    """Return how many convolutions of stride 2 leave at least 3 pixels, of which two of stride 1 leave one.

    >>> [halvings_of(side) for side in (16, 32, 256)]
    [2, 3, 3]
    """
    return max(1, min(MOST_HALVINGS, (side // 3).bit_length() - 1))


def _normed(in_channels: int, out_channels: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, 4, stride=stride, padding=1)
    return convolution, nn.InstanceNorm2d(out_channels), nn.LeakyReLU(SLOPE)
