"""Which slice of which simulated head is drawn: any, or one the more likely the more of it is lesion."""

import numpy as np

from hifisyn.base.heads import Heads, HeadSlices
from hifisyn.errors import UserError


class Places:
    """The slices of heads that hold enough brain.

    Args:
        heads: to draw from.
        lesioned: share of the slices that are drawn by how much of them is lesion.

    Raises:
        UserError: no head has a slice with enough brain.
    """

    def __init__(self, heads: Heads, lesioned: float) -> None:
        self._usable = [head for head in heads.heads if head.places]
        if not self._usable:
            raise UserError("a simulated head must have slices with brain", got="none", hint="look at the label maps")
        self._slices = [(head, place) for head in self._usable for place in head.places]
        self._lesion = np.cumsum([share for head in self._usable for share in head.lesion])
        self._lesioned = lesioned

    def draw(self, rng: np.random.Generator) -> tuple[HeadSlices, int]:
        """Return a head and the place of a slice of it."""
        if self._lesion[-1] and rng.random() < self._lesioned:
            at = np.searchsorted(self._lesion, rng.random() * self._lesion[-1], side="right")
            return self._slices[int(at)]
        head = self._usable[rng.integers(len(self._usable))]
        return head, int(rng.choice(head.places))
