"""CycleGAN's generator of residual blocks (Zhu et al., ICCV 2017, arXiv 1703.10593), in parts that others extend.

Each Conv is followed by an instance norm without affine; the strided and transposed ones pad with zeros, the others
by reflection.
"""

from torch import Tensor, nn

from hifisyn.networks.blocks import INRes, reflected
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import InSingle

BLOCKS = 9


class ResnetEncoder(Layers):
    """Conv 7x7, `n_down` convolutions of stride 2, residual blocks: (N, 1, H, W) to (N, width * 2**n_down, h, w).

    Args:
        width: channels of the first convolution, 64 as published.
        n_down: halvings, 2 as published.
        blocks: residual blocks, 9 as published for 256 pixels.
    """

    def __init__(self, width: int = 64, n_down: int = 2, blocks: int = BLOCKS) -> None:
        widths = [width * 2**k for k in range(n_down + 1)]
        super().__init__(
            reflected(1, width, 7, padding=3),
            nn.InstanceNorm2d(width),
            nn.ReLU(),
            *(layer for c in widths[:-1] for layer in _halving(c)),
            *(INRes(widths[-1]) for _ in range(blocks)),
        )


class ResnetDecoder(Layers):
    """Transposed convolutions back to the side of the image, then a head: (N, width * 2**n_down, h, w) to images.

    Args:
        width: channels before the head.
        n_down: doublings.
        head: the last layer; none: conv 7x7 to one channel, as published.
    """

    def __init__(self, width: int = 64, n_down: int = 2, head: nn.Module | None = None) -> None:
        widths = [width * 2**k for k in range(n_down, 0, -1)]
        super().__init__(
            *(layer for c in widths for layer in _doubling(c)),
            InSingle(reflected(width, 1, 7, padding=3) if head is None else head),
        )


class ResnetGenerator(TensorModule):
    """The whole generator, tanh at the end: (N, 1, H, W) in [-1, 1] to the same; sides are multiples of 2**n_down."""

    def __init__(self, width: int = 64, n_down: int = 2, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.encoder = ResnetEncoder(width, n_down, blocks)
        self.decoder = ResnetDecoder(width, n_down)

    def forward(self, image: Tensor) -> Tensor:
        """Translate images."""
        return self.decoder(self.encoder(image)).tanh()


def _halving(channels: int) -> tuple[nn.Module, ...]:
    wide = 2 * channels
    return nn.Conv2d(channels, wide, 3, stride=2, padding=1), nn.InstanceNorm2d(wide), nn.ReLU()


def _doubling(channels: int) -> tuple[nn.Module, ...]:
    narrow = channels // 2
    up = nn.ConvTranspose2d(channels, narrow, 3, stride=2, padding=1, output_padding=1)
    return up, nn.InstanceNorm2d(narrow), nn.ReLU()
