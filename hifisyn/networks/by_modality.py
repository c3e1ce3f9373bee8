"""One network for each contrast, by its name."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, cast

from torch import nn

N = TypeVar("N", bound=nn.Module)


class ByModality(nn.ModuleDict, Generic[N]):
    """Networks of one kind that share nothing; their weights are named by contrast.

    Args:
        domains: names of the contrasts.
        build: makes the network of one contrast; called in their order.
    """

    def __init__(self, domains: Sequence[str], build: Callable[[], N]) -> None:
        super().__init__({m: build() for m in domains})

    def __getitem__(self, contrast: str) -> N:
        return cast(N, super().__getitem__(contrast))

    def each(self) -> Iterator[N]:
        """Yield the networks in the order of the contrasts."""
        return (self[contrast] for contrast in self)
