"""UVCGAN's generator: a U-Net with a pixel-wise vision transformer at its bottom (Torbunov et al., arXiv 2203.02557).

Every Conv has a bias; norms are instance norms without affine; leaky ReLUs have the framework's slope of 0.01.
"""

import torch
from torch import Tensor, nn

from hifisyn.methods.uvcgan.pixel_vit import BLOCKS, PixelVit
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import in_single

FEATURES = 48
LEVELS = 4


class VitUNet(TensorModule):
    """The whole generator, sigmoid at the end: (N, 1, H, W) in [0, 1] to the same.

    There are always four levels, so H and W are multiples of 16, and at least 32, since an instance norm and the
    scale of positions need two pixels a side.

    Args:
        features: channels of the first level, 48 as published; doubled at each further one.
        blocks: transformer blocks.
    """

    def __init__(self, features: int = FEATURES, blocks: int = BLOCKS) -> None:
        super().__init__()
        widths = [features * 2**level for level in range(LEVELS)]
        inputs = [features, *widths[:-1]]
        self.entry = Layers(nn.Conv2d(1, features, 3, padding=1), nn.LeakyReLU())
        self.encode = nn.ModuleList(_twice(i, w, w) for i, w in zip(inputs, widths, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(w, w, 2, stride=2) for w in widths)
        self.bottom = PixelVit(widths[-1], blocks)
        self.up = nn.ModuleList(Layers(nn.Upsample(scale_factor=2), nn.Conv2d(w, w, 3, padding=1)) for w in widths)
        self.decode = nn.ModuleList(_twice(2 * w, w, i) for i, w in zip(inputs, widths, strict=True))
        self.exit = nn.Conv2d(features, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Translate images."""
        x, skips = self.entry(image), []
        for encode, down in zip(self.encode, self.down, strict=True):
            skips.append(encode(x))
            x = down(skips[-1])
        x = self.bottom(x)
        for up, decode in zip(reversed(self.up), reversed(self.decode), strict=True):
            x = decode(torch.cat([up(x), skips.pop()], dim=1))
        return in_single(self.exit, x).sigmoid()


def features_of(width: int) -> int:
    """Return the channels of the first level where other methods have `width`, 64 as published.

    >>> features_of(64), features_of(4)
    (48, 3)
    """
    return max(1, FEATURES * width // 64)


def _twice(in_channels: int, middle: int, out_channels: int) -> Layers:
    return Layers(
        nn.InstanceNorm2d(in_channels),
        nn.Conv2d(in_channels, middle, 3, padding=1),
        nn.LeakyReLU(),
        nn.InstanceNorm2d(middle),
        nn.Conv2d(middle, out_channels, 3, padding=1),
        nn.LeakyReLU(),
    )
