"""Averaged weights: an exponential moving average over steps of the networks that make images.

A run that moves a network which is good already may use weights that lie between those it started from and the average:
what was learnt of the new images is kept, and what they do not show is not forgotten (Wortsman et al., "Robust
fine-tuning of zero-shot models", CVPR 2022, arXiv 2109.01903).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """Follows the parameters of some networks.

    avg_n = d avg_{n-1} + (1 - d) theta_n, with d = min(decay, (1 + n) / (10 + n)), so that the random start
    of a short run fades. Buffers, such as a memory bank or mean codes, are running means already and not averaged.

    Args:
        networks: all of a method; names in the state are theirs.
        averaged: those of them whose parameters are followed.
        decay: d once the run is long enough.
        way: share of the way from the present weights, those that the run starts from, to the average that is used.
    """

    def __init__(self, networks: nn.Module, averaged: Iterable[nn.Module], decay: float, way: float = 1.0) -> None:
        chosen = list(averaged)
        parameters = {id(p) for network in chosen for p in network.parameters()}
        self.decay, self.way, self.steps = decay, way, 0
        self._networks = networks
        self._live = [p for p in networks.parameters() if id(p) in parameters]
        self._mean = [p.detach().clone() for p in self._live]
        self._start = [mean.clone() for mean in self._mean]
        inside = tuple(f"{name}." if name else "" for name, network in networks.named_modules() if network in chosen)
        buffers = {name for name, _ in networks.named_buffers()}
        self._names = [n for n in networks.state_dict() if n.startswith(inside) and n not in buffers]

    @torch.no_grad()
    def update(self) -> None:
        """Follow the weights after a step."""
        share = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, weight in zip(self._mean, self._live, strict=True):
            mean.lerp_(weight, 1 - share)
        self.steps += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the weights to use in place for the length of a `with` statement."""
        pairs = zip(self._start, self._mean, strict=True)
        with self._in_place(self._mean if self.way == 1 else [s.lerp(mean, self.way) for s, mean in pairs]):
            yield

    def state(self) -> dict[str, Any]:
        """Return what `load` takes: steps, and the weights to use by their names in the networks' state.

        Where these are not the average, that stands beside them.
        """
        with self.applied():
            state = {"steps": self.steps, "weights": self._named()}
        if self.way < 1:
            with self._in_place(self._mean):
                state["mean"] = self._named()
        return state

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state` returned."""
        own = [p.detach().clone() for p in self._live]
        mean = state["weights"] if self.way == 1 else state["mean"]
        self._networks.load_state_dict(self._networks.state_dict() | mean)
        self._mean = [p.detach().clone() for p in self._live]
        self._put(own)
        self.steps = state["steps"]

    @contextmanager
    def _in_place(self, weights: Sequence[Tensor]) -> Iterator[None]:
        own = [p.detach().clone() for p in self._live]
        self._put(weights)
        try:
            yield
        finally:
            self._put(own)

    def _named(self) -> dict[str, Tensor]:
        everything = self._networks.state_dict()
        return {name: everything[name].clone() for name in self._names}

    @torch.no_grad()
    def _put(self, weights: Sequence[Tensor]) -> None:
        for parameter, weight in zip(self._live, weights, strict=True):
            parameter.copy_(weight)
