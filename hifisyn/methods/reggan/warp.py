"""Images sampled at shifted positions, and how far such a shift folds space."""

import torch
from torch import Tensor


def warp(image: Tensor, field: Tensor) -> Tensor:
    """Return the image at (i + field[0], j + field[1]), bilinear; beyond the border the border's value.

    Gathered pixel by pixel: whole shifts are exact, and the gradient exists on devices whose grid_sample has none.
    Where the field is not a number, neither is the image.

    Args:
        image: (N, C, H, W).
        field: (N, 2, H, W), pixels down and pixels to the right.
    """
    height, width = image.shape[-2:]
    down, right = field.unbind(dim=1)  # (N, H, W)
    row = (torch.arange(height, device=field.device, dtype=field.dtype)[:, None] + down).clamp(0, height - 1)
    column = (torch.arange(width, device=field.device, dtype=field.dtype) + right).clamp(0, width - 1)
    top, left = (x.detach().nan_to_num().floor() for x in (row, column))
    bottom, last = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    below, beside = (row - top)[:, None], (column - left)[:, None]  # weights of the lower and the right neighbour
    upper = torch.lerp(_at(image, top, left), _at(image, top, last), beside)
    lower = torch.lerp(_at(image, bottom, left), _at(image, bottom, last), beside)
    return torch.lerp(upper, lower, below)


@torch.no_grad()
def folded_share(field: Tensor) -> Tensor:
    """Return at which share of the pixels x + field(x) turns space over: det(I + grad field) < 0; 0-dimensional.

    Args:
        field: (N, 2, H, W) in pixels; forward differences.
    """
    down = field[:, :, 1:, :-1] - field[:, :, :-1, :-1]
    right = field[:, :, :-1, 1:] - field[:, :, :-1, :-1]
    determinant = (1 + down[:, 0]) * (1 + right[:, 1]) - right[:, 0] * down[:, 1]
    return (determinant < 0).to(field.dtype).mean()


def _at(image: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return (N, C, H, W) pixels at whole positions (N, H, W)."""
    place = (row.long() * image.shape[-1] + column.long()).flatten(1)[:, None]
    return image.flatten(2).gather(2, place.expand(-1, image.shape[1], -1)).view_as(image)
