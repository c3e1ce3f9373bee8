"""A transformer whose tokens are pixels, the bottleneck of UVCGAN's generator (Torbunov et al., arXiv 2203.02557)."""

import torch
from torch import Tensor, nn

from hifisyn.networks.module import Layers, TensorModule

BLOCKS, HEADS = 12, 6
HIDDEN = 4


class PixelVit(TensorModule):
    """Tokens and positions to the width, blocks, a linear layer: (N, C, h, w) to the same shape; sides from 2 on.

    A position is the sine of a linear function of (row, column), which run from -1 to 1. So no parameter depends on
    the sides.

    Args:
        width: channels C, 384 as published.
        blocks: transformer blocks.
    """

    def __init__(self, width: int = 384, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.position = nn.Linear(2, width)
        self.entry = nn.Linear(2 * width, width)
        self.blocks = Layers(*(ReZeroBlock(width) for _ in range(blocks)))
        self.exit = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (N, C, h, w) that have seen each other."""
        tokens = x.flatten(2).transpose(1, 2)
        where = coordinates(x.shape[2], x.shape[3], x.device)
        places = self.position(where.to(self.position.weight.dtype)).sin()
        tokens = self.entry(torch.cat([places.to(x.dtype).expand(len(x), -1, -1), tokens], dim=2))
        seen: Tensor = self.exit(self.blocks(tokens))
        return seen.transpose(1, 2).view(x.shape)


class ReZeroBlock(TensorModule):
    """Attention, then two linear layers with GELU between; alpha, 0 at first, is the share of both that is added.

    Args:
        width: entries of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(()))
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads_of(width), batch_first=True)
        hidden = HIDDEN * width
        self.feed = Layers(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (N, T, width)."""
        normed = self.norm_attention(tokens)
        attended, _ = self.attention(normed, normed, normed, need_weights=False)
        tokens = tokens + self.alpha * attended
        return tokens + self.alpha * self.feed(self.norm_feed(tokens))


def coordinates(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return (row, column) of each pixel, row by row, (height * width, 2) in [-1, 1].

    >>> coordinates(2, 2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    return torch.cartesian_prod(*(torch.linspace(-1, 1, length, device=device) for length in (height, width)))


def heads_of(width: int) -> int:
    """Return the largest number of heads up to the published 6 that divides the width.

    >>> [heads_of(width) for width in (384, 24, 56)]
    [6, 6, 4]
    """
    return max(heads for heads in range(1, HEADS + 1) if width % heads == 0)
