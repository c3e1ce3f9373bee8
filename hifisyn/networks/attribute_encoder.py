"""E^a, the attribute encoders of all contrasts: a dense map for the memory bank and a global code.

Differs from the paper: its text has one z^a, which eq. 5 treats as one vector a pixel and eq. 14 as what the
generator takes. Here the encoder has two outputs, the dense attributes A_i, which feed the bank's values, and the
global code z^a_i, which DRIT's generator takes and which carries what no slot holds.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn

from hifisyn.networks.blocks import PREACTIVATION_SLOPE, PreActDown
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers


class AttributeEncoder(nn.Module):
    """Image to dense attributes and global code, one branch a contrast, nothing shared.

    The code is DRIT's mean head alone: deterministic, as the paper's objective (eq. 17) has no KL term. DRIT itself
    has a second head, for the logarithm of the variance.

    Args:
        domains: names of the contrasts.
        width: channels of the first convolution, 64 as published.
        n_down: halvings between image and content, at whose resolution the dense attributes lie.
        code: entries of the global code, 8 as published.
        value_width: V, entries of a dense attribute; 0: no dense map, which is DRIT's own encoder.
        kind: "drit" taps the dense map off the encoder of the code; "mguit" computes it by an encoder of its own
            (MGUIT, Jeong et al., CVPR 2021), at three times the cost.
        heads: 1, or 2 to have that of the variance too, see `distribution`.
    """

    __call__: Callable[..., tuple[Tensor | None, Tensor]]

    def __init__(
        self,
        domains: Sequence[str],
        width: int = 64,
        n_down: int = 2,
        code: int = 8,
        value_width: int = 128,
        kind: Literal["drit", "mguit"] = "drit",
        heads: int = 1,
    ) -> None:
        super().__init__()
        separate = kind == "mguit" and value_width > 0
        tapped = 0 if separate else value_width
        self.branches = ByModality(domains, lambda: _Branch(width, n_down, code, tapped, heads))
        self.dense = ByModality(domains if separate else (), lambda: mguit_dense(width, n_down, value_width))

    def forward(self, image: Tensor, modality: str) -> tuple[Tensor | None, Tensor]:
        """Encode (N, 1, H, W) to A (N, V, H / 2**n_down, W / 2**n_down), none if V is 0, and z^a (N, code)."""
        dense, code = self.branches[modality](image)
        return self.dense[modality](image) if modality in self.dense else dense, code

    def code(self, image: Tensor, modality: str) -> Tensor:
        """Encode (N, 1, H, W) to z^a (N, code) alone."""
        return self.branches[modality](image)[1]

    def distribution(self, image: Tensor, modality: str) -> tuple[Tensor, Tensor]:
        """Encode (N, 1, H, W) to the mean and the log-variance of z^a, (N, code) each.

        Raises:
            ValueError: the encoder has one head.
        """
        return self.branches[modality].distribution(image)


class _Branch(nn.Module):
    """DRIT's concat encoder: conv 4x4, three PreActDown, average pool, linear; widths 1, 2, 3, 4 times the first.

    The dense map is tapped where the side is that of content: after the first PreActDown as published.
    """

    __call__: Callable[..., tuple[Tensor | None, Tensor]]

    def __init__(self, width: int, n_down: int, code: int, value_width: int, heads: int) -> None:
        super().__init__()
        before = max(1, n_down - 1)
        widths = [width * min(k, 4) for k in range(1, before + 4)]
        downs = [PreActDown(a, b) for a, b in itertools.pairwise(widths)]
        self.stem = Layers(_first(width, 1 if n_down == 1 else 2), *downs[:before])
        self.tap = nn.Conv2d(widths[before], value_width, 1) if value_width else None
        self.tail = Layers(*downs[before:], nn.LeakyReLU(PREACTIVATION_SLOPE), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.code = nn.Linear(widths[-1], code)
        self.variance = nn.Linear(widths[-1], code) if heads > 1 else None

    def forward(self, image: Tensor) -> tuple[Tensor | None, Tensor]:
        feature = self.stem(image)
        return self.tap(feature) if self.tap is not None else None, self.code(self.tail(feature))

    def distribution(self, image: Tensor) -> tuple[Tensor, Tensor]:
        if self.variance is None:
            raise ValueError("distribution needs an encoder with heads=2")
        pooled = self.tail(self.stem(image))
        return self.code(pooled), self.variance(pooled)


def mguit_dense(width: int, n_down: int, value_width: int) -> Layers:
    """Return MGUIT's encoder of one contrast: (N, 1, H, W) to styles (N, V, H / 2**n_down, W / 2**n_down).

    Args:
        width: channels of the first convolution, 64 as published; twice as many follow.
        n_down: halvings.
        value_width: V, 128 as published.
    """
    widths = [width] + [2 * width] * n_down
    return Layers(
        _first(width, 1),
        *(PreActDown(a, b, norm=True) for a, b in itertools.pairwise(widths)),
        PreActDown(widths[-1], value_width, norm=True, pool=False),
        nn.LeakyReLU(PREACTIVATION_SLOPE),
    )


def _first(width: int, stride: int) -> Layers:
    """Convolution 4x4 that keeps the side (stride 1) or halves it (stride 2)."""
    padding = (1, 1, 1, 1) if stride == 2 else (1, 2, 1, 2)
    return Layers(nn.ReflectionPad2d(padding), nn.Conv2d(1, width, 4, stride))
