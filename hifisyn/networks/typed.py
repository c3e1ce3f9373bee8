"""Networks of a dictionary with their own type, which the dictionary forgets."""

from typing import TypeVar

from torch import nn

N = TypeVar("N", bound=nn.Module)


def typed(networks: nn.ModuleDict, name: str, kind: type[N]) -> N:
    """Return a network that is known to be of a kind.

    Raises:
        TypeError: it is of another.
    """
    network = networks[name]
    if not isinstance(network, kind):
        raise TypeError(f"{name}: wanted {kind.__name__}, found {type(network).__name__}")
    return network
