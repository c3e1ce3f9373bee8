"""Batches of real slices: unpaired, as most methods learn from them, or of cases that have both contrasts."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.slices import SliceStore
from hifisyn.training.draws import Draw, draw_paired, draw_step
from hifisyn.training.source import BatchSource, Item
from hifisyn.training.training_cases import TrainingCases

Chooser = Callable[[TrainingCases, Plans, int, int, int], Mapping[str, Sequence[Draw]]]


class SliceSource(BatchSource):
    """Reads what is drawn.

    Slices are not kept in memory: the system keeps the compressed files, and a slice of 256x256 takes 0.3 ms.

    Args:
        store: slices of all cases.
        cohort: what can be drawn.
        plans: of the training.
        seed: of all draws.
        rank: of this process.
        context: neighbours on each side of a slice.
    """

    kind = "unpaired"
    choose: Chooser = staticmethod(draw_step)

    def __init__(
        self, store: SliceStore, cohort: TrainingCases, plans: Plans, seed: int, rank: int = 0, context: int = 0
    ) -> None:
        self.store, self.cohort, self.plans = store, cohort, plans
        self.seed, self.rank, self.context = seed, rank, context
        self.numbers = cohort.subject_numbers

    def read(self, iteration: int) -> Item:
        """Return the batch of a step."""
        draws = self.choose(self.cohort, self.plans, self.seed, iteration, self.rank)
        return {
            "iteration": iteration,
            "kind": self.kind,
            "images": {m: np.stack([self._image(m, d) for d in drawn]) for m, drawn in draws.items()},
            "labels": {m: self._labels(drawn) for m, drawn in draws.items()},
            "subjects": {m: np.array([self.numbers[d.subject] for d in drawn]) for m, drawn in draws.items()},
        }

    def _image(self, contrast: str, draw: Draw) -> np.ndarray:
        return self._window(self.store.neighbours(draw.case, contrast, draw.index, self.context), draw)

    def _labels(self, drawn: Sequence[Draw]) -> np.ndarray | None:
        if not all(draw.case in self.cohort.labelled for draw in drawn):
            return None
        return np.stack([self._window(self.store.label(d.case, d.index), d) for d in drawn]).astype(np.int64)

    def _window(self, slices: np.ndarray, draw: Draw) -> np.ndarray:
        crop = self.plans.slices.crop
        window = slices[..., draw.row : draw.row + crop, draw.column : draw.column + crop]
        return np.ascontiguousarray(window[..., ::-1] if draw.mirrored else window)


class PairedSliceSource(SliceSource):
    """Reads both contrasts of a case at one place.

    Raises:
        UserError: no case has two of the contrasts.
    """

    kind = "paired"
    choose: Chooser = staticmethod(draw_paired)

    def __init__(
        self, store: SliceStore, cohort: TrainingCases, plans: Plans, seed: int, rank: int = 0, context: int = 0
    ) -> None:
        super().__init__(store, cohort, plans, seed, rank, context)
        if not cohort.has_pairs:
            raise UserError(
                f"some training case must have two of {', '.join(cohort.domains)} for paired batches",
                got="none",
                hint="take a method that needs no pairs, or set batches.shares to unpaired ones",
            )
