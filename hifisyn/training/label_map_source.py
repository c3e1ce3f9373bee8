"""Batches of heads simulated from label maps: real anatomy, exact labels, lesions, and each contrast clean.

They are the heads that the base model learns from, cut axially by the pixels of the plans. A head is a pure function of
maps, seed and number; drawn ones stay in memory.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from hifisyn.plans import Plans
from hifisyn.simulation.simulated_head import simulate_head
from hifisyn.simulation.slice_geometry import Cut
from hifisyn.simulation.strokes import GROUPS
from hifisyn.training.simulated_source import FEWEST_HEADS, Drawn, SimulatedSource

MOST_HEADS = 32  # in memory, about 20 MB each of two contrasts at 256 x 256 pixels
LESIONED = 0.4  # share of slices that are drawn by how much of them is lesion
LESION = "lesion"


@dataclass(frozen=True)
class DrawnHead:
    """A simulated head.

    Attributes:
        images: contrast to (S, H, W) float16 in [-1, 1], -1 outside the brain.
        clean: the same without noise, bias and faults, of the contrasts that the base model makes.
        groups: (S, H, W) uint8, values of `strokes.GROUPS`.
        places: (P,) slices of which brain covers enough.
        lesion: (P,) share of each of these slices that is lesion.
    """

    images: dict[str, np.ndarray]
    clean: dict[str, np.ndarray]
    groups: np.ndarray
    places: np.ndarray
    lesion: np.ndarray


class LabelMapSource(SimulatedSource):
    """Simulates what a step needs from label maps of whole heads.

    Args:
        domains: contrasts, of those that can be simulated.
        plans: size and pixel of the slices, values of the labels, images a step.
        maps: files; each makes as many heads as the others, sixteen or more in all. Of very many some are taken.
        seed: of heads and draws.
        rank: of this process.
        context: neighbours on each side of a slice.

    Raises:
        UserError: a contrast that cannot be simulated.
    """

    def __init__(
        self, domains: tuple[str, ...], plans: Plans, maps: Sequence[Path], seed: int, rank: int = 0, context: int = 0
    ) -> None:
        count = min(len(maps) * math.ceil(FEWEST_HEADS / len(maps)), MOST_HEADS)
        super().__init__(domains, plans, seed, rank, context, heads=count)
        self.maps = tuple(maps)
        self._values = label_values(plans.labels)

    def _image(self, contrasts: tuple[str, ...], rng: np.random.Generator) -> Drawn:
        number = int(rng.integers(self.heads))
        slices = self.plans.slices
        file = self.maps[number * max(len(self.maps), self.heads) // self.heads % len(self.maps)]
        lesions = bool(self._values[GROUPS[LESION]])
        head = drawn_head(
            file, self.seed, number, slices.pixel_mm, slices.crop, slices.min_brain, self.domains, lesions
        )
        centre = _place(head, rng)
        places = np.clip(np.arange(centre - self.context, centre + self.context + 1), 0, len(head.groups) - 1)
        turn = slice(None, None, -1 if self.plans.batches.flip and rng.integers(2) else 1)
        images = {m: head.images[m][places][..., turn].astype(np.float32) for m in contrasts}
        clean = {m: head.clean[m][centre][..., turn].astype(np.float32) for m in contrasts if m in head.clean}
        return Drawn(images, self._values[head.groups[centre][..., turn]], number, clean)


def label_values(labels: Mapping[str, int]) -> np.ndarray:
    """Return the value in a data set's label maps of each group of a simulated head; 0 where it has none.

    Where no label is named so, the lesion is the first that is no tissue: a simulated lesion is one piece.

    >>> label_values({"background": 0, "GM": 1, "WM": 2, "oedema": 3, "necrosis": 4}).tolist()
    [0, 0, 1, 2, 3]
    """
    others = [value for name, value in labels.items() if value and name not in GROUPS]
    known = {LESION: others[0], **labels} if others else labels
    return np.array([0, *(known.get(name, 0) for name in GROUPS)], dtype=np.int64)


@lru_cache(maxsize=MOST_HEADS)
def drawn_head(
    file: Path,
    seed: int,
    number: int,
    pixel_mm: float,
    crop: int,
    min_brain: float,
    contrasts: tuple[str, ...],
    lesions: bool,
) -> DrawnHead:
    """Simulate a head and keep what is asked of it.

    Args:
        file: label map.
        seed: of all heads.
        number: of the head.
        pixel_mm: side of a pixel.
        crop: pixels along each side of a slice.
        min_brain: share of a slice that brain must cover for it to count.
        contrasts: to keep.
        lesions: whether there may be any.

    Raises:
        FileError: the map cannot be used.
    """
    head = simulate_head(file, seed, number, crop, lesions=lesions, cut=Cut("axial", pixel_mm))
    places = np.flatnonzero(head.brain.mean(axis=(1, 2)) >= max(min_brain, 1 / crop**2))
    return DrawnHead(
        {m: head.images[m].astype(np.float16) for m in contrasts},
        {m: head.targets[m].astype(np.float16) for m in contrasts if m in head.targets},
        head.labels,
        places,
        (head.labels[places] == GROUPS[LESION]).mean(axis=(1, 2)),
    )


def _place(head: DrawnHead, rng: np.random.Generator) -> int:
    """Return a slice: any, or one the more likely the more of it is lesion."""
    total = float(head.lesion.sum())
    if rng.random() < LESIONED and total > 0:
        return int(rng.choice(head.places, p=head.lesion / total))
    return int(rng.choice(head.places))
