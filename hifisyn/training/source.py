"""Where batches come from: the common face of real slices, paired ones, simulated ones, and mixes."""

from abc import ABC, abstractmethod
from itertools import combinations
from typing import Any

import numpy as np

BATCHES, METHOD, CONTRASTS, KINDS, SIMULATION = range(5)  # purposes: equal seeds never serve two of them

Item = dict[str, Any]


class BatchSource(ABC):
    """Reads the batch of any step.

    A batch is a pure function of seed, step and rank, so that any process may read any step, and a resumed training
    sees what an uninterrupted one would have.
    """

    @abstractmethod
    def read(self, iteration: int) -> Item:
        """Return the batch of a step as arrays: the fields of `hifisyn.training.batch.Batch`, numpy for tensors."""


def step_seed(seed: int, iteration: int, rank: int, purpose: int) -> int:
    """Return a 63-bit seed that no other purpose, step or process has."""
    return int(np.random.SeedSequence([seed, iteration, rank, purpose]).generate_state(1, np.uint64)[0] >> 1)


def contrasts_of_step(domains: tuple[str, ...], seed: int, iteration: int) -> tuple[str, str]:
    """Return the two contrasts of a step, in the order of `domains`.

    Of three contrasts or more every pair is drawn once in as many steps as there are pairs, in random order. All
    processes draw the same pair, since their gradients are averaged.

    >>> contrasts_of_step(("T1", "T2"), seed=0, iteration=7)
    ('T1', 'T2')
    >>> seen = [contrasts_of_step(("FLAIR", "T1", "T2"), 0, i) for i in range(3)]
    >>> sorted(seen)
    [('FLAIR', 'T1'), ('FLAIR', 'T2'), ('T1', 'T2')]
    """
    pairs = list(combinations(domains, 2))
    if len(pairs) == 1:
        return pairs[0]
    turn, place = divmod(iteration, len(pairs))
    order = np.random.default_rng([seed, turn, 0, CONTRASTS]).permutation(len(pairs))
    return pairs[int(order[place])]
