"""What validation measures of translations whose truth nobody holds, for `hifisyn.training.unpaired_score`.

Real scans of the target are those of training subjects. No scan of the target of a validation subject is looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hifisyn.directions import Direction
from hifisyn.slices import SliceStore
from hifisyn.training import unpaired_score
from hifisyn.training.contract import Trainer
from hifisyn.training.numbers import column
from hifisyn.training.unpaired_score import BASE, CYCLE, NOISE, SCORE, SEGMENTATION, TISSUES, Tissues
from hifisyn.training.validation import Sample, Stack, ValidationSet, centre, translate

REAL_SLICES = 96

# A direction and slices of its source amid one neighbour on each side, (S, 3, H, W), to translations (S, H, W); none
# where the base model does not take the direction.
BaseAnswer = Callable[[Direction, np.ndarray], np.ndarray | None]


@dataclass(frozen=True)
class Expected:
    """What the translations of one direction are held against.

    Attributes:
        labels: (S, H, W), of the source, 0 where nothing is known; 1 in the brain where no training subject has labels.
        tissues: of real scans of the target.
        base: (S, H, W), the base model's translation; none where it does not take the direction.
    """

    labels: np.ndarray
    tissues: Tissues
    base: np.ndarray | None


@dataclass(frozen=True)
class RealScans:
    """The scans that validation may know: those of training subjects, and the sources of validation subjects.

    Attributes:
        store: slices of all cases.
        train: cases of the training subjects.
        crop: side of the window that the networks see.
        base: the base model; none: it is not asked.
    """

    store: SliceStore
    train: Sequence[str]
    crop: int
    base: BaseAnswer | None = None

    def expected(self, validation: ValidationSet) -> dict[Direction, Expected]:
        """Return what the translations of every direction are held against."""
        tissues = {target: self._tissues(target) for target in dict.fromkeys(d.target for d in validation.samples)}
        return {
            direction: self._expected(direction, sample.source, *tissues[direction.target])
            for direction, sample in validation.samples.items()
        }

    def _expected(self, direction: Direction, source: Stack, tissues: Tissues, labelled: bool) -> Expected:
        labels = self._labels(source, direction.source) if labelled else source.brains.astype(np.uint8)
        return Expected(labels, tissues, self._base(direction, source))

    def _tissues(self, target: str) -> tuple[Tissues, bool]:
        """Return the tissues of a contrast, and whether they are told apart."""
        having = [case for case in self.train if target in self.store.record(case)["modalities"]]
        labelled = [case for case in having if self._is_labelled(case, target)]
        if not having:
            return {}, False
        real = Stack.read(self.store, labelled or having, target, self.crop, REAL_SLICES)
        labels = self._labels(real, target) if labelled else real.brains.astype(np.uint8)
        return unpaired_score.tissues_of(real.images, labels), bool(labelled)

    def _labels(self, stack: Stack, contrast: str) -> np.ndarray:
        return np.stack(
            [
                centre(self.store.label(case, number), self.crop)
                if self._is_labelled(case, contrast)
                else np.zeros(stack.brains.shape[1:], np.uint8)
                for case, number in stack.places
            ]
        )

    def _is_labelled(self, case: str, contrast: str) -> bool:
        """Return whether a case has a label map that fits its scan of a contrast."""
        return bool(self.store.record(case)["labelled"]) and contrast in self.store.paired(case)

    def _base(self, direction: Direction, source: Stack) -> np.ndarray | None:
        if self.base is None:
            return None
        slices = [
            centre(self.store.neighbours(case, direction.source, number, 1), self.crop)
            for case, number in source.places
        ]
        return self.base(direction, np.stack(slices))


def measure_without_pairs(
    trainer: Trainer,
    validation: ValidationSet,
    expected: Mapping[Direction, Expected],
    synthetic: Mapping[Direction, np.ndarray],
) -> dict[str, float]:
    """Return the score of every direction and its parts, named as in T1_to_T2/cycle; what is not known is left out."""
    numbers: dict[str, float] = {}
    for direction, slices in synthetic.items():
        back = _translate_back(trainer, direction, slices)
        parts = _parts(validation.samples[direction], expected[direction], slices, back)
        known = {name: value for name, value in parts.items() if np.isfinite(value)}
        score = unpaired_score.moved_score if trainer.ADAPTS_BASE else unpaired_score.unpaired_score
        known[SCORE] = score(known)
        numbers |= {column(direction, name): value for name, value in known.items()}
    return numbers


def _translate_back(trainer: Trainer, direction: Direction, slices: np.ndarray) -> np.ndarray:
    """Return what becomes of noisy translations in the source's contrast; each stands for its neighbours too."""
    noise = np.random.default_rng(0).normal(0, NOISE, slices.shape)
    noisy = np.clip(slices + noise, -1, 1).astype(np.float32)
    stack = np.repeat(noisy[:, None], 1 + 2 * trainer.NEEDS.context, axis=1)
    return translate(trainer, stack, direction.target, direction.source)


def _parts(sample: Sample, expected: Expected, slices: np.ndarray, back: np.ndarray) -> dict[str, float]:
    brain, labels, tissues = sample.source.brains, expected.labels, expected.tissues
    parts = {
        TISSUES: unpaired_score.tissue_statistics(slices, labels, tissues),
        CYCLE: unpaired_score.cycle_consistency(back, sample.source.images, brain),
        SEGMENTATION: unpaired_score.segmentation_consistency(slices, labels, tissues),
    }
    if expected.base is not None:
        parts[BASE] = unpaired_score.base_agreement(slices, expected.base, brain)
    return parts
