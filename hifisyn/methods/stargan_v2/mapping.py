"""StarGAN v2's mapping network (Choi et al., CVPR 2020, arXiv 1912.01865): random numbers to a style of a contrast."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hifisyn.methods.stargan_v2.blocks import WIDEST
from hifisyn.methods.stargan_v2.heads import select
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers, TensorModule

LAYERS = 4


class MappingNetwork(TensorModule):
    """Make styles of random numbers: four linear layers that the contrasts share, then four of each contrast's own.

    Args:
        domains: names of the contrasts.
        latent: random numbers, 16 as published.
        style_width: entries of a style, 64 as published.
        width: as of the other networks, 64 as published; layers have 8 * width entries.
    """

    def __init__(self, domains: Sequence[str], latent: int = 16, style_width: int = 64, width: int = 64) -> None:
        super().__init__()
        hidden = WIDEST * width
        self.shared = Layers(*_hidden(latent, hidden), *(x for _ in range(LAYERS - 1) for x in _hidden(hidden)))
        self.own = ByModality(domains, lambda: _own(hidden, style_width))

    def forward(self, latent: Tensor, domain: Tensor) -> Tensor:
        """(N, latent) and the places of the target contrasts, (N,) int64, to styles (N, style_width)."""
        shared = self.shared(latent)
        return select(torch.stack([own(shared) for own in self.own.each()], dim=1), domain)


def _own(hidden: int, style_width: int) -> Layers:
    return Layers(*(x for _ in range(LAYERS - 1) for x in _hidden(hidden)), nn.Linear(hidden, style_width))


def _hidden(entries: int, out: int = 0) -> tuple[nn.Module, ...]:
    return nn.Linear(entries, out or entries), nn.ReLU()
