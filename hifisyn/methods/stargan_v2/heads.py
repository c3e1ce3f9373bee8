"""StarGAN v2's discriminator and style encoder (Choi et al., CVPR 2020, arXiv 1912.01865): a trunk, a head a contrast.

The discriminator's heads make one logit, large for real images, the style encoder's a style.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hifisyn.methods.stargan_v2.blocks import SLOPE, ResBlock, doubled
from hifisyn.methods.stargan_v2.named_rows import NamedRows
from hifisyn.networks.module import Layers, TensorModule

LAST_KERNEL = 4


class DomainHeads(TensorModule):
    """Residual blocks down to 4 to 7 pixels, conv 4x4, the mean over what remains, then a linear layer a contrast.

    Args:
        domains: names of the contrasts.
        outputs: numbers that each head makes, 1 for the discriminator, 64 for the style encoder as published.
        side: pixels along each side of the images, 256 as published (6 halvings); at least 4.
        width: channels of the first convolution, 64 as published; they double with each halving, up to 8 * width.
    """

    def __init__(self, domains: Sequence[str], outputs: int, side: int = 256, width: int = 64) -> None:
        super().__init__()
        widths = [width]
        for _ in range(side.bit_length() - LAST_KERNEL.bit_length()):
            widths.append(doubled(widths[-1], width))
        self.trunk = Layers(
            nn.Conv2d(1, width, 3, padding=1),
            *(ResBlock(a, b, down=True) for a, b in itertools.pairwise(widths)),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widths[-1], widths[-1], LAST_KERNEL),
            nn.LeakyReLU(SLOPE),
        )
        self.heads = NamedRows(domains, widths[-1], outputs)

    def forward(self, image: Tensor, domain: Tensor) -> Tensor:
        """(N, 1, H, W) and the places of the target contrasts, (N,) int64, to (N, outputs)."""
        return select(self.heads(self.trunk(image).mean(dim=(2, 3))), domain)


def select(rows: Tensor, domain: Tensor) -> Tensor:
    """Return, of (N, contrasts, ...), what is of each row's contrast (N,): (N, ...)."""
    return rows[torch.arange(len(rows), device=rows.device), domain]
