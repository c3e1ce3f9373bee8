"""InstaFormer's discriminator: CycleGAN's PatchGAN with blurred halvings and batch norm."""

import itertools
from typing import Literal

from torch import Tensor, nn

from hifisyn.methods.instaformer.blur import BlurDown
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.patchgan import SLOPE, halvings_of

Norm = Literal["batch", "instance"]


class BlurPatchGAN(TensorModule):
    """Five convolutions 4x4 of stride 1, of which the first three are followed by a blurred halving.

    Args:
        side: pixels along each side of the images; below 24 there are fewer halvings than three, as in `PatchGAN`.
        width: channels of the first convolution, 64 as published; at most eight times as many.
        norm: on all but the first and the last convolution; batch as published, with affine and no other bias.
    """

    def __init__(self, side: int = 256, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        halvings = halvings_of(side)
        widths = [width * 2**k for k in range(halvings + 1)]
        self.layers = Layers(
            nn.Conv2d(1, width, 4, padding=1),
            nn.LeakyReLU(SLOPE),
            BlurDown(width),
            *(
                layer
                for k, (a, b) in enumerate(itertools.pairwise(widths), 1)
                for layer in (*_normed(a, b, norm), *([BlurDown(b)] if k < halvings else []))
            ),
            nn.Conv2d(widths[-1], 1, 4, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (N, 1, h, w), 30x30 for 256x256, of (N, 1, H, W); large means real."""
        return self.layers(image)


def _normed(in_channels: int, out_channels: int, norm: Norm) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, 4, padding=1, bias=norm == "instance")
    normed = nn.BatchNorm2d(out_channels) if norm == "batch" else nn.InstanceNorm2d(out_channels)
    return convolution, normed, nn.LeakyReLU(SLOPE)
