"""MGUIT's generators: content and a map of styles to an image; all but the last layers are shared."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hifisyn.networks.blocks import INRes, UpLN
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import in_single


class MguitGenerator(TensorModule):
    """Content and styles to an image; styles are concatenated to the features at every size, and twice at the first.

    The last doubling and the last convolution belong to a contrast, as published; with a single doubling too.

    Args:
        domains: names of the contrasts.
        width: channels of the encoder's first convolution; content has `width * 2**n_down`.
        n_down: doublings from content to image.
        blocks: residual blocks after the first concatenation.
        value_width: V, channels of a style.
    """

    def __init__(
        self, domains: Sequence[str], width: int = 64, n_down: int = 2, blocks: int = 3, value_width: int = 128
    ) -> None:
        super().__init__()
        channels = width * 2**n_down
        self.first = INRes(channels)
        channels += value_width
        self.residual = Layers(*(INRes(channels) for _ in range(blocks)))
        ups: list[nn.Module] = []
        for _ in range(n_down - 1):
            ups.append(_up(channels + value_width))
            channels = (channels + value_width) // 2
        self.ups = nn.ModuleList(ups)
        joined, last = channels + value_width, (channels + value_width) // 2 + value_width
        self.own_up = ByModality(domains, lambda: _up(joined))
        self.own_last = ByModality(domains, lambda: nn.Conv2d(last, 1, 1))

    def forward(self, content: Tensor, style: Tensor, modality: str) -> Tensor:
        """Render (N, C, h, w) and styles (N, V, h, w) as an image (N, 1, H, W) in (-1, 1) of `modality`."""
        x = self.first(content)
        style = style.to(x.dtype)
        x = self.residual(torch.cat([x, style], dim=1))
        for up in (*self.ups, self.own_up[modality]):
            x = up(torch.cat([x, style], dim=1))
            style = interpolate(style, scale_factor=2, mode="nearest")
        return in_single(self.own_last[modality], torch.cat([x, style], dim=1)).tanh()


def _up(channels: int) -> UpLN:
    return UpLN(channels, channels // 2)
