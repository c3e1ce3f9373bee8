"""Sines and cosines of a position, from slow to fast (Vaswani et al., NeurIPS 2017)."""

import math

import torch
from torch import Tensor


def sinusoid(positions: int, entries: int) -> Tensor:
    """Return (positions, entries): entry 2k is sin(p / 10000**(2k / entries)), entry 2k + 1 its cosine.

    >>> [round(float(x), 2) for x in sinusoid(2, 4)[1]]
    [0.84, 0.54, 0.01, 1.0]
    """
    rate = torch.exp(torch.arange(0, entries, 2) * (-math.log(10000.0) / entries))
    angle = torch.arange(positions)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
