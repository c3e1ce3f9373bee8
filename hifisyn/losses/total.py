"""Sums of losses."""

from collections.abc import Iterable

import torch
from torch import Tensor


def total(terms: Iterable[Tensor]) -> Tensor:
    """Return the sum of one or more 0-dimensional losses, such as those of both directions."""
    return torch.stack(list(terms)).sum()
