"""Averaged weights: an exponential moving average over steps of the networks that make images."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Follows the parameters of some networks.

    avg_n = d avg_{n-1} + (1 - d) theta_n with d = min(decay, (1 + n) / (10 + n)), so that a short run is not judged by
    its random start. Buffers, such as a memory bank or mean codes, are running means already: they are not averaged.

    Args:
        networks: all of a method; names in the state are theirs.
        averaged: those of them whose parameters are followed.
        decay: d once the run is long enough.
    """

    def __init__(self, networks: nn.Module, averaged: Iterable[nn.Module], decay: float) -> None:
        chosen = {id(p) for network in averaged for p in network.parameters()}
        self.decay = decay
        self.steps = 0
        self._live = {name: p for name, p in networks.named_parameters() if id(p) in chosen}
        self._mean = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Follow the weights after a step."""
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, mean in self._mean.items():
            mean.lerp_(self._live[name], 1 - kept)
        self.steps += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged weights in place for the length of a `with` statement."""
        own = {name: p.detach().clone() for name, p in self._live.items()}
        self._put(self._mean)
        try:
            yield
        finally:
            self._put(own)

    def state(self) -> dict[str, object]:
        """Return what `load` takes: steps, and the averaged weights by name."""
        return {"steps": self.steps, "weights": dict(self._mean)}

    @torch.no_grad()
    def load(self, state: Mapping[str, object]) -> None:
        """Go on from a state that `state` returned."""
        steps, weights = state["steps"], state["weights"]
        assert isinstance(steps, int) and isinstance(weights, Mapping)
        self.steps = steps
        for name, mean in self._mean.items():
            mean.copy_(weights[name])

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, parameter in self._live.items():
            parameter.copy_(weights[name])
