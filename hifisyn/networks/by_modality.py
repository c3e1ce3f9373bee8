"""One network for each modality, called by its name."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from hifisyn.networks.typed import N, typed


class ByModality(nn.Module):
    """Networks of one kind that share nothing.

    Args:
        modalities: names of the two.
        build: makes the network of one modality.
    """

    def __init__(self, modalities: Sequence[str], build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict({m: build() for m in modalities})

    def forward(self, x: Tensor, modality: str) -> Tensor:
        """Return what the network of a modality makes of x."""
        return self.branches[modality](x)

    def of(self, modality: str, kind: type[N]) -> N:
        """Return the network of a modality, which is known to be of a kind.

        Raises:
            TypeError: it is of another.
        """
        return typed(self.branches, modality, kind)
