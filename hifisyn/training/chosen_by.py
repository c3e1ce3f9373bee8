"""What chooses the best weights of a training: truth where validation cases hold pairs, else what needs none."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from hifisyn.training import unpaired_score
from hifisyn.training.numbers import by_direction
from hifisyn.training.validation import ValidationSet

SSIM = "ssim_brain"


class ChosenBy(StrEnum):
    """What chooses; the value stands in files."""

    PAIRS = "pairs"
    UNPAIRED = "unpaired score"
    NEWEST = "newest"

    @property
    def noun(self) -> str:
        """What chose, in a sentence."""
        return {"pairs": "SSIM on pairs", "unpaired score": "the unpaired score"}.get(self.value, "age, the newest")

    @classmethod
    def of(cls, validation: ValidationSet | None) -> "ChosenBy":
        """Return what chooses on these slices: pairs where any direction has some."""
        if validation is None:
            return cls.NEWEST
        return cls.PAIRS if validation.paired else cls.UNPAIRED

    def score(self, numbers: Mapping[str, float]) -> float | None:
        """Return what the best weights have most of, mean over directions; none where the newest are taken.

        Of pairs it is SSIM in the brain: PSNR would favour the target's flat mean over a sharp image that is a little
        off.
        """
        measure = {ChosenBy.PAIRS: SSIM, ChosenBy.UNPAIRED: unpaired_score.SCORE}.get(self)
        values = [own[measure] for own in by_direction(numbers).values() if measure in own]
        return float(np.mean(values)) if values else None


def describe_choice(validation: ValidationSet | None) -> str:
    """Return a line on what chooses."""
    by = ChosenBy.of(validation)
    if validation is None:
        return "no validation cases with these contrasts: the newest weights count as best"
    if by is ChosenBy.UNPAIRED:
        return (
            "no validation case holds a pair: the best weights are chosen without pairs, by tissue statistics, cycle, "
            "agreement with the base model and segmentation, as far as labels and contrasts allow"
        )
    apart = [direction for direction in validation.samples if direction not in validation.paired]
    known = (
        "" if not apart else f" of {', '.join(map(str, validation.paired))}; {', '.join(map(str, apart))} have no pairs"
    )
    return f"the best weights are chosen by SSIM in the brain on the pairs of the validation cases{known}"
