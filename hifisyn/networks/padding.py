"""Images brought to a side that a network can halve often enough, and back."""

from torch import Tensor
from torch.nn.functional import pad

from hifisyn.intensities import OUTSIDE


def padded_side(side: int, multiple: int, least: int = 0) -> int:
    """Return the smallest multiple that is neither below `side` nor below `least`.

    >>> padded_side(216, 16), padded_side(16, 16, least=32)
    (224, 32)
    """
    return -(-max(side, least) // multiple) * multiple


def padded(x: Tensor, side: int, value: float = OUTSIDE) -> Tensor:
    """Return (..., H, W) in the middle of a square of `side` pixels; where that is uneven, lower and right get more."""
    top, left = ((side - length) // 2 for length in x.shape[-2:])
    bottom, right = side - x.shape[-2] - top, side - x.shape[-1] - left
    return pad(x, (left, right, top, bottom), value=value)


def cropped(x: Tensor, side: int) -> Tensor:
    """Return the middle (..., side, side) of what `padded` returned."""
    top, left = ((length - side) // 2 for length in x.shape[-2:])
    return x[..., top : top + side, left : left + side]
