"""D^c, the content discriminator: tells whose content it sees, so that E^c learns to leave no trace (eq. 15)."""

from torch import Tensor, nn

from hifisyn.networks.blocks import LReLUConv


class ContentDiscriminator(nn.Module):
    """DRIT's: 7x7 convolutions of stride 2, then one that spans 4x4, then a 1x1.

    Args:
        channels: channels of content, 256 as published; kept throughout.
        side: side of the content map. The published depth of three 7x7 is that for 54, which leaves one logit.
    """

    def __init__(self, channels: int = 256, side: int = 54) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while _halved(side) >= 2:
            layers.append(LReLUConv(channels, channels, 7, stride=2, padding=1))
            side = _halved(side)
        layers += [LReLUConv(channels, channels, min(4, side)), nn.Conv2d(channels, 1, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, content: Tensor) -> Tensor:
        """Return logits (N, 1, h, w) of content (N, C, H, W); large means the second modality."""
        return self.layers(content)


def _halved(side: int) -> int:
    """Side after a 7x7 convolution of stride 2 and padding 1."""
    return (side + 2 - 7) // 2 + 1
