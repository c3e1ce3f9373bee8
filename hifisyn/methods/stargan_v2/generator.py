"""StarGAN v2's generator (Choi et al., CVPR 2020, arXiv 1912.01865): one for all contrasts, conditioned on a style.

The form without skip connections, which the authors use for animals; that for faces needs a network of landmarks.
"""

import itertools

from torch import Tensor, nn

from hifisyn.methods.stargan_v2.blocks import SLOPE, ResBlock, StyledResBlock, doubled
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import InSingle

MIDDLE_BLOCKS = 2


class StyledGenerator(TensorModule):
    """Encode with instance norm, decode with the style; no tanh at the end, so values may leave [-1, 1].

    Args:
        halvings: 4 as published for 256 pixels, see `halvings_of`.
        width: channels of the first convolution, 64 as published; they double with each halving, up to 8 * width.
        style_width: entries of a style.
    """

    def __init__(self, halvings: int = 4, width: int = 64, style_width: int = 64) -> None:
        super().__init__()
        widths = [width]
        for _ in range(halvings):
            widths.append(doubled(widths[-1], width))
        steps = list(itertools.pairwise(widths))
        middle = widths[-1]
        self.encoder = Layers(
            nn.Conv2d(1, width, 3, padding=1),
            *(ResBlock(a, b, norm=True, down=True) for a, b in steps),
            *(ResBlock(middle, middle, norm=True) for _ in range(MIDDLE_BLOCKS)),
        )
        self.decoder = nn.ModuleList([StyledResBlock(middle, middle, style_width) for _ in range(MIDDLE_BLOCKS)])
        self.decoder.extend(StyledResBlock(b, a, style_width, up=True) for a, b in reversed(steps))
        self.head = Layers(
            nn.InstanceNorm2d(width, affine=True), nn.LeakyReLU(SLOPE), InSingle(nn.Conv2d(width, 1, kernel_size=1))
        )

    def forward(self, image: Tensor, style: Tensor) -> Tensor:
        """(N, 1, H, W) and (N, style_width) to (N, 1, H, W); sides are multiples of 2**halvings."""
        features = self.encoder(image)
        for block in self.decoder:
            features = block(features, style)
        return self.head(features)


def halvings_of(side: int) -> int:
    """Return how often the generator halves images of so many pixels, as published for powers of two.

    >>> [halvings_of(side) for side in (16, 96, 216, 256)]
    [1, 2, 3, 4]
    """
    return max(1, side.bit_length() - 5)
