"""Parts of a forward pass that keep single precision, whatever the mixed precision around them."""

import torch
from torch import Tensor, nn


def wide(x: Tensor) -> Tensor:
    """Return x in single precision at least; double stays double."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class WideTanh(nn.Module):
    """The tanh at the end of a generator.

    In bfloat16 it would be exactly 1 from 3.5 on, where no gradient leads back from, and images would have steps of
    1/256.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the tanh of x, in single precision at least."""
        return wide(x).tanh()
