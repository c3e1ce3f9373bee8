"""Self-attention on a feature map (SAGAN, Zhang et al., ICML 2019, arXiv 1805.08318)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from hifisyn.networks.module import TensorModule
from hifisyn.networks.precision import wide

NARROWING = 8


class SelfAttention(TensorModule):
    """x + gamma * attention(x), gamma 0 at first, so that a fresh one changes nothing.

    Queries and keys have an eighth of the channels and values all of them; logits are not scaled.

    Args:
        channels: of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // NARROWING)
        self.query = nn.Conv2d(channels, narrow, 1)
        self.key = nn.Conv2d(channels, narrow, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        query, key, value = (layer(x).flatten(2).transpose(1, 2) for layer in (self.query, self.key, self.value))
        with torch.autocast(x.device.type, enabled=False):  # a softmax over thousands of positions
            attended = scaled_dot_product_attention(wide(query), wide(key), wide(value), scale=1.0)
        return x + self.gamma * attended.transpose(1, 2).reshape(x.shape).to(x.dtype)
