"""StarGAN v2's discriminator and style encoder (Choi et al., CVPR 2020, arXiv 1912.01865): a trunk, a head a domain.

The discriminator's heads make one logit, large for real images, the style encoder's a style.
"""

import itertools

import torch
from torch import Tensor, nn

from hifisyn.networks.stargan_blocks import SLOPE, ResBlock, doubled

LAST_KERNEL = 4


class DomainHeads(nn.Module):
    """Residual blocks down to 4 to 7 pixels, conv 4x4, the mean over what remains, then a linear layer a domain.

    Args:
        outputs: numbers that each head makes, 1 for the discriminator, 64 for the style encoder as published.
        side: pixels along each side of the images, 256 as published (6 halvings); at least 4.
        width: channels of the first convolution, 64 as published; they double with each halving, up to 8 * width.
        domains: contrasts.
    """

    def __init__(self, outputs: int, side: int = 256, width: int = 64, domains: int = 2) -> None:
        super().__init__()
        widths = [width]
        for _ in range(side.bit_length() - LAST_KERNEL.bit_length()):
            widths.append(doubled(widths[-1], width))
        self.trunk = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            *(ResBlock(a, b, down=True) for a, b in itertools.pairwise(widths)),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(widths[-1], widths[-1], LAST_KERNEL),
            nn.LeakyReLU(SLOPE),
        )
        # One layer for all domains: its rows are the heads.
        self.heads = nn.Linear(widths[-1], domains * outputs)
        self.domains = domains

    def forward(self, image: Tensor, domain: Tensor) -> Tensor:
        """(N, 1, H, W) and the domains asked for, (N,) int64, to (N, outputs)."""
        made = self.heads(self.trunk(image).mean(dim=(2, 3))).unflatten(1, (self.domains, -1))
        return chosen(made, domain)


def chosen(made: Tensor, domain: Tensor) -> Tensor:
    """Return, of (N, domains, ...), what is of each row's domain (N,): (N, ...)."""
    return made[torch.arange(len(made), device=made.device), domain]
