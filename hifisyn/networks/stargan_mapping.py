"""StarGAN v2's mapping network (Choi et al., CVPR 2020, arXiv 1912.01865): random numbers to a style of a domain."""

import torch
from torch import Tensor, nn

from hifisyn.networks.stargan_blocks import WIDEST
from hifisyn.networks.stargan_heads import chosen

LAYERS = 4


class MappingNetwork(nn.Module):
    """Make styles of random numbers: four linear layers that the domains share, then four of each domain's own.

    Args:
        latent: random numbers, 16 as published.
        style_width: entries of a style, 64 as published.
        width: as of the other networks, 64 as published; layers have 8 * width entries.
        domains: contrasts.
    """

    def __init__(self, latent: int = 16, style_width: int = 64, width: int = 64, domains: int = 2) -> None:
        super().__init__()
        hidden = WIDEST * width
        self.shared = nn.Sequential(*_hidden(latent, hidden), *(x for _ in range(LAYERS - 1) for x in _hidden(hidden)))
        self.own = nn.ModuleList(
            nn.Sequential(*(x for _ in range(LAYERS - 1) for x in _hidden(hidden)), nn.Linear(hidden, style_width))
            for _ in range(domains)
        )

    def forward(self, latent: Tensor, domain: Tensor) -> Tensor:
        """(N, latent) and the domains asked for, (N,) int64, to styles (N, style_width)."""
        shared = self.shared(latent)
        return chosen(torch.stack([own(shared) for own in self.own], dim=1), domain)


def _hidden(entries: int, out: int = 0) -> tuple[nn.Module, ...]:
    return nn.Linear(entries, out or entries), nn.ReLU()
