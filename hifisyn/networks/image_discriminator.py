"""D_i, the image discriminators: real images of a contrast against translations into it."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from hifisyn.networks.blocks import SLOPE, LReLUConv
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers

WIDEST = 16  # times the first layer: 1024 channels as published


class ImageDiscriminator(nn.Module):
    """One discriminator a contrast.

    Args:
        domains: names of the contrasts.
        side: pixels along each side of the images; sets the depth.
        width: channels of the first convolution, 64 as published.
        kind: "single" as the paper describes it, "multiscale" as DRIT's default.
        slope: of the leaky ReLUs; MUNIT has 0.2.
    """

    __call__: Callable[..., tuple[Tensor, ...]]

    def __init__(
        self,
        domains: Sequence[str],
        side: int = 216,
        width: int = 64,
        kind: Literal["single", "multiscale"] = "single",
        slope: float = SLOPE,
    ) -> None:
        super().__init__()
        build = _Single if kind == "single" else _Multiscale
        self.branches: ByModality[_Single | _Multiscale] = ByModality(domains, lambda: build(side, width, slope))

    def forward(self, image: Tensor, modality: str) -> tuple[Tensor, ...]:
        """Return the logits of (N, 1, H, W), one map (N, 1, h, w) a scale; large means real."""
        return self.branches[modality](image)


class _Single(nn.Module):
    """3x3 convolutions of 64, 128, 256, 512, 1024, 1024, 1024 channels and a 1x1 (the paper's text).

    Differs from the paper: strides, padding and activation are not given there. Each 3x3 halves the side, and there
    are so many that 2x2 logits are left (seven from 216 or 256), which see 255 pixels.
    """

    __call__: Callable[..., tuple[Tensor, ...]]

    def __init__(self, side: int, width: int, slope: float) -> None:
        super().__init__()
        widths = [1] + [width * min(2**k, WIDEST) for k in range(single_depth(side))]
        self.layers = Layers(
            *(LReLUConv(a, b, 3, stride=2, padding=1, slope=slope) for a, b in itertools.pairwise(widths)),
            nn.Conv2d(widths[-1], 1, 1),
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.layers(image),)


class _Multiscale(nn.Module):
    """DRIT's: three networks of four 4x4 convolutions (64 to 512 channels) and a 1x1, on the image halved twice."""

    __call__: Callable[..., tuple[Tensor, ...]]

    def __init__(self, side: int, width: int, slope: float) -> None:
        super().__init__()
        sides = [side, (side + 1) // 2, (side + 3) // 4]
        self.scales = nn.ModuleList(_scale(s, width, slope) for s in sides)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        logits = [self.scales[0](image)]
        for scale in self.scales[1:]:
            image = avg_pool2d(image, 3, stride=2, padding=1, count_include_pad=False)
            logits.append(scale(image))
        return tuple(logits)


def _scale(side: int, width: int, slope: float) -> Layers:
    depth = min(4, int(math.log2(side)))
    widths = [1] + [width * 2**k for k in range(depth)]
    return Layers(
        *(LReLUConv(a, b, 4, stride=2, padding=1, slope=slope) for a, b in itertools.pairwise(widths)),
        nn.Conv2d(widths[-1], 1, 1),
    )


def single_depth(side: int) -> int:
    """Return how many halvings, rounded up, leave 2 of `side` pixels.

    >>> single_depth(216), single_depth(256), single_depth(72)
    (7, 7, 6)
    """
    return max(1, math.ceil(math.log2(side)) - 1)
