"""What a memory stores of each contrast: a value for every item, beside the keys that contrasts share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hifisyn.networks.by_modality import ByModality


class ValueTable(nn.Module):
    """The values of one contrast; buffers only.

    Attributes:
        values: (T, V).
        known: (T,) bool, which items have one.
    """

    values: Tensor
    known: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values.clone())
        self.register_buffer("known", torch.zeros(len(values), dtype=torch.bool))


class CountedTable(ValueTable):
    """The same, which knows how often each value has moved.

    Attributes:
        updates: (T,) int64.
    """

    updates: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__(values)
        self.register_buffer("updates", torch.zeros(len(values), dtype=torch.int64))


def value_tables(domains: Sequence[str], values: Tensor) -> ByModality[ValueTable]:
    """Return a table of each contrast, with the first values (contrasts, T, V) in their order."""
    first = iter(values)
    return ByModality(domains, lambda: ValueTable(next(first)))


def counted_tables(domains: Sequence[str], values: Tensor) -> ByModality[CountedTable]:
    """Return the same of `CountedTable`."""
    first = iter(values)
    return ByModality(domains, lambda: CountedTable(next(first)))
