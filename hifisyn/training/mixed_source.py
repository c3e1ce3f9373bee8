"""Batches of several kinds in one training, each with its share of the steps."""

from collections.abc import Mapping, Sequence

import numpy as np

from hifisyn.plans import BatchKind
from hifisyn.training.source import KINDS, BatchSource, Item


class MixedSource(BatchSource):
    """Asks one of several sources in each step, the same in every process.

    Args:
        sources: with their shares, which need not add up to 1.
        seed: of the choice.
    """

    def __init__(self, sources: Sequence[tuple[BatchSource, float]], seed: int) -> None:
        self.sources, self.seed = [source for source, _ in sources], seed
        shares = np.array([share for _, share in sources])
        self.shares = shares / shares.sum()

    def read(self, iteration: int) -> Item:
        """Return the batch of a step, from the source that the step draws."""
        rng = np.random.default_rng([self.seed, iteration, 0, KINDS])
        return self.sources[int(rng.choice(len(self.sources), p=self.shares))].read(iteration)


def mix(sources: Mapping[BatchKind, BatchSource], shares: Mapping[BatchKind, float], seed: int) -> BatchSource:
    """Return the only source that has a share, or a mix of them.

    Args:
        sources: by kind.
        shares: of the steps, by kind; a kind without a share is left out.
        seed: of the choice.
    """
    parts = [(sources[kind], share) for kind, share in shares.items() if share > 0]
    return parts[0][0] if len(parts) == 1 else MixedSource(parts, seed)
