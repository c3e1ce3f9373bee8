"""Gradient correlation: whether the edges of two images lie at the same places (Hiasa et al., arXiv 1803.06629).

The normalised cross-correlation of the images' gradients, meant over the horizontal and the vertical ones. It is
blind to the scale and the offset of intensities. Of absolute gradients it is blind to the sign of an edge too, which
turns between T1 and T2.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from hifisyn.networks.precision import wide

Kind = Literal["abs", "signed"]
EPSILON = 1e-8


def gradient_loss(image: Tensor, translation: Tensor, kind: Kind = "abs", epsilon: float = EPSILON) -> Tensor:
    """Return 1 - GC, the mean over a batch: 0 where all edges agree, 1 where none do, 2 at most; 0-dimensional.

    Args:
        image: (N, 1, H, W), which gets no gradient.
        translation: (N, 1, H, W), the image translated.
        kind: as `gradient_correlation`.
        epsilon: as `gradient_correlation`.
    """
    return 1 - gradient_correlation(image.detach(), translation, kind, epsilon).mean()


def gradient_correlation(first: Tensor, second: Tensor, kind: Kind = "abs", epsilon: float = EPSILON) -> Tensor:
    """Return GC of each pair of images, (N,) in [-1, 1], in float32 at least; 0 if one is blank.

    Args:
        first: (N, 1, H, W) of any range.
        second: (N, 1, H, W).
        kind: `abs`: absolute gradients; `signed`: an edge from dark to bright is another one than from bright to dark.
        epsilon: added to the product of both norms, so that nearly flat images correlate with nothing.
    """
    with torch.autocast(second.device.type, enabled=False):
        pairs = zip(_gradients(first, kind), _gradients(second, kind), strict=True)
        along_x, along_y = (_correlation(u, v, epsilon) for u, v in pairs)
        return (along_x + along_y) / 2


def _gradients(image: Tensor, kind: Kind) -> tuple[Tensor, Tensor]:
    """Return the differences of both neighbours along x and along y, (N, H * W) each; the border is repeated."""
    framed = pad(wide(image), (1, 1, 1, 1), mode="replicate")
    along_x = (framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]).flatten(1)
    along_y = (framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]).flatten(1)
    return (along_x.abs(), along_y.abs()) if kind == "abs" else (along_x, along_y)


def _correlation(u: Tensor, v: Tensor, epsilon: float) -> Tensor:
    """Return the normalised cross-correlation of (N, P) and (N, P): (N,)."""
    u, v = (x - x.mean(dim=1, keepdim=True) for x in (u, v))
    norms = torch.linalg.vector_norm(u, dim=1) * torch.linalg.vector_norm(v, dim=1)
    correlation = (u * v).sum(dim=1) / (norms + epsilon)
    # A blank image has no direction to go: without this its gradient would be 1 / epsilon times the other's.
    return torch.where(norms > 0, correlation, torch.zeros_like(correlation))
