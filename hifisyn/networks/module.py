"""Bases that say what calling a network returns, which the framework leaves open; they change nothing at run time."""

from collections.abc import Callable

from torch import Tensor, nn


class TensorModule(nn.Module):
    """A network that returns one tensor."""

    __call__: Callable[..., Tensor]


class Layers(nn.Sequential):
    """Layers one after another, the last of which returns one tensor."""

    __call__: Callable[..., Tensor]
