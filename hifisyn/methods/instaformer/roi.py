"""RoIAlign (He et al., ICCV 2017): what a feature map shows inside boxes, on a small grid each.

Bilinear interpolation takes rows and columns apart, so a box is two small matrices around the map. That is exact,
needs no library, and its gradient is the same on every run, unlike that of sampling kernels on a GPU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Boxes:
    """The boxes of N images, at most B an image.

    Attributes:
        corners: (N, B, 4) top, left, bottom, right in [0, 1], as shares of the side of the image.
        there: (N, B) bool; the others fill up an image with fewer boxes.
    """

    corners: Tensor
    there: Tensor


def roi_align(features: Tensor, boxes: Boxes, cells: int) -> Tensor:
    """Return the mean of the features in each of `cells` x `cells` parts of each box.

    A part has as many sampling points along an axis as it has begun pixels. Pixel k of the map lies at coordinate k.
    Boxes narrower than a pixel are widened to one.

    Args:
        features: (N, C, S, S).
        boxes: of the same N images.
        cells: parts along each axis.

    Returns:
        (N, B, C, cells, cells) float32.
    """
    side = features.shape[-1]
    top, left, bottom, right = boxes.corners.float().unbind(dim=2)
    with torch.autocast(features.device.type, enabled=False):
        rows = _shares(top * side, bottom * side, cells, side)
        columns = _shares(left * side, right * side, cells, side)
        # Rows first: the map that remains for each box is then `cells` high.
        thin = torch.einsum("nbis,ncst->nbcit", rows, features.float())
        return torch.einsum("nbcit,nbjt->nbcij", thin, columns)


def _shares(start: Tensor, stop: Tensor, cells: int, side: int) -> Tensor:
    """Return how much each of `side` pixels counts in each cell (N, B, cells, side) of intervals (N, B)."""
    length = (stop - start).clamp_min(1)[..., None, None]
    points = (length / cells).ceil()
    cell = torch.arange(cells, device=start.device)[:, None]
    point = torch.arange(-(-side // cells), device=start.device)
    at = start[..., None, None] + (cell + (point + 0.5) / points) * length / cells
    pixel = torch.arange(side, device=start.device)
    share = (1 - (at.clamp(0, side - 1)[..., None] - pixel).abs()).clamp_min(0)
    return (share * (point < points)[..., None]).sum(dim=3) / points
