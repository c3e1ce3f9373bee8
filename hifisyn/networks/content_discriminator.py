"""D^c, the content discriminator: tells whose content it sees, so that E^c learns to leave no trace (eq. 15)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hifisyn.networks.blocks import LReLUConv
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers, TensorModule


class ContentDiscriminator(TensorModule):
    """DRIT's: 7x7 convolutions of stride 2, then one that spans 4x4, then a 1x1 for each logit.

    Two contrasts share one logit, as published: large means the second. More have one each.

    Args:
        domains: names of the contrasts.
        channels: channels of content, 256 as published; kept throughout.
        side: side of the content map. The published depth of three 7x7 is that for 54, which leaves one position.
    """

    def __init__(self, domains: Sequence[str], channels: int = 256, side: int = 54) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while _halved(side) >= 2:
            layers.append(LReLUConv(channels, channels, 7, stride=2, padding=1))
            side = _halved(side)
        self.layers = Layers(*layers, LReLUConv(channels, channels, min(4, side)))
        told_apart = domains if len(domains) > 2 else domains[1:]
        self.last = ByModality(told_apart, lambda: nn.Conv2d(channels, 1, 1))

    def forward(self, content: Tensor) -> Tensor:
        """Return logits (N, L, h, w) of content (N, C, H, W); L is 1 for two contrasts, else one a contrast."""
        features = self.layers(content)
        return torch.cat([convolution(features) for convolution in self.last.each()], dim=1)


def _halved(side: int) -> int:
    """Side after a 7x7 convolution of stride 2 and padding 1."""
    return (side + 2 - 7) // 2 + 1
