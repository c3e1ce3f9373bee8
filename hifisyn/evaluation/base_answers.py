"""What the base model answers to the slices of a case: not told how the target looks in this cohort, and told.

What it is told are means of tissues over training cases of the fold. No pair is needed for them, as for all that
trains here, and no case that is compared enters.
"""

import numpy as np

from hifisyn.base.cohort_look import Means
from hifisyn.base.contrasts import CONTEXT
from hifisyn.base.shipped import NAME
from hifisyn.base.translate import BaseModel
from hifisyn.directions import Direction
from hifisyn.evaluation import untrained
from hifisyn.inference.prediction import Translated
from hifisyn.slices import SliceStore

NOT_TOLD, TOLD = NAME, f"{NAME}, {untrained.TOLD}"
CHUNK = 16  # slices at a time: every slot of every slice is held


def answers(
    model: BaseModel, store: SliceStore, case: str, direction: Direction, pixel_mm: float, look: Means | None
) -> dict[str, Translated]:
    """Return what the base model makes of the training slices of a case, by the name of the row.

    Args:
        model: the base model.
        store: slices of all cases.
        case: its name.
        direction: one that the model `takes`.
        pixel_mm: side of a pixel in mm.
        look: means of tissues of the target; none: there is no told row.

    Returns:
        Slices (S, H, W) float32 in [-1, 1] and the absolute error that it expects of them.
    """
    seen = store.neighbours(case, direction.source, None, CONTEXT)
    rows = {NOT_TOLD: None} | ({TOLD: {direction.target: look}} if look else {})
    made = {
        row: [
            model.translate({direction.source: seen[first : first + CHUNK]}, pixel_mm, told)[direction.target]
            for first in range(0, len(seen), CHUNK)
        ]
        for row, told in rows.items()
    }
    return {row: Translated(*map(np.concatenate, zip(*parts, strict=True))) for row, parts in made.items()}
