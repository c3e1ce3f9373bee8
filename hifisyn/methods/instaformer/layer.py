"""A layer of InstaFormer's transformer: instance norm over the tokens, whose mean and deviation the style sets."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from hifisyn.networks.module import Layers, TensorModule

HEADS, WIDER, EPS = 4, 4, 1e-6


class Style(NamedTuple):
    """What every norm of the transformer gives its tokens: mean and deviation, (N, token) each."""

    mean: Tensor
    deviation: Tensor


class StyleMLP(Layers):
    """Style code (N, code) to one mean and one deviation, which all norms share: (N, 2 * token).

    Args:
        code: entries of the style, 8 as published.
        hidden: of both hidden layers, 256 as published.
        token: entries of a token, 1024 as published.
    """

    def __init__(self, code: int = 8, hidden: int = 256, token: int = 1024) -> None:
        super().__init__(
            nn.Linear(code, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * token),
        )

    def style(self, code: Tensor) -> Style:
        """Return the mean, which comes first, and the deviation of a code (N, code)."""
        return Style(*self(code).chunk(2, dim=1))


class Layer(TensorModule):
    """x + attention(norm(x)), then x + MLP(norm(x)); 4 heads, an MLP four times as wide, GELU, no dropout.

    Args:
        token: entries of a token.
    """

    def __init__(self, token: int) -> None:
        super().__init__()
        self.queries_keys_values = nn.Linear(token, 3 * token)
        self.merge = nn.Linear(token, token)
        self.mlp = Layers(nn.Linear(token, WIDER * token), nn.GELU(), nn.Linear(WIDER * token, token))

    def forward(self, x: Tensor, style: Style, there: Tensor | None = None) -> Tensor:
        """(N, T, token) to the same; tokens that are not `there` (N, T) are seen by none."""
        x = x + self.attend(token_norm(x, style, there), there)
        return x + self.mlp(token_norm(x, style, there))

    def attend(self, x: Tensor, there: Tensor | None) -> Tensor:
        """Return what each token takes from the others."""
        query, key, value = (
            part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in self.queries_keys_values(x).chunk(3, dim=2)
        )
        mask = None if there is None else there[:, None, None, :]
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        merged: Tensor = self.merge(seen.transpose(1, 2).flatten(2))
        return merged


def token_norm(x: Tensor, style: Style, there: Tensor | None = None) -> Tensor:
    """Return tokens (N, T, C) whose entries have the style's mean and deviation over the tokens that are there.

    Args:
        x: tokens.
        style: mean and deviation, (N, C) each.
        there: (N, T) bool; none: all. The others are moved along but do not count.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.float()
        weight = x.new_ones(x.shape[:2]) if there is None else there.float()
        weight = (weight / weight.sum(dim=1, keepdim=True))[..., None]
        centred = x - (weight * x).sum(dim=1, keepdim=True)
        variance = (weight * centred.square()).sum(dim=1, keepdim=True)
        normed = centred * (variance + EPS).rsqrt()
        return normed * style.deviation[:, None].float() + style.mean[:, None].float()
