"""Parts of a forward pass that keep single precision, whatever the mixed precision around them."""

import torch
from torch import Tensor, nn

from hifisyn.networks.module import TensorModule


def wide(x: Tensor) -> Tensor:
    """Return x in single precision at least; double stays double."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def in_single(layer: nn.Module, x: Tensor) -> Tensor:
    """Return what a layer makes of x, both in single precision at least.

    For the last convolution of a generator. In bfloat16 its output would have 8 bits: images would lie on a grid that
    real ones do not lie on, and a tanh would be exactly 1 from 3.5 on, where no gradient leads back from.
    """
    with torch.autocast(x.device.type, enabled=False):
        output: Tensor = layer(wide(x))
        return output


class InSingle(TensorModule):
    """The same as a part of a chain.

    Args:
        layer: the last convolution of a generator.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layer makes of x."""
        return in_single(self.layer, x)
