"""In what a scan looks unlike those that a model was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hifisyn.base.naming import NAME_OF, likeliest
from hifisyn.base.shipped import shipped
from hifisyn.inference.base.prediction import FARTHEST_MM
from hifisyn.inference.base.recognise import DOUBTFUL
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.training.likeness import Look, Trait, describe


@dataclass(frozen=True)
class Likeness:
    """How far a scan looks like those of a training.

    Attributes:
        contrast: that it is named.
        traits: in what it is unlike.
        likely: likelihood of each contrast's name by the base model; empty where it tells none.
    """

    contrast: str
    traits: tuple[Trait, ...] = ()
    likely: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """In words; "" where nothing is unlike.

        >>> str(Likeness("T1", (Trait.BRAIN,)))
        'T1 looks unlike the training scans (brain volume)'
        >>> str(Likeness("T1", (Trait.CONTRAST,), {"T1": 0.01, "T2": 0.97, "FLAIR": 0.02}))
        'T1 looks unlike the training scans (contrast: like a T2)'
        """
        like = max(self.likely, key=lambda name: self.likely[name], default="")
        shown = [f"{trait}: like a {like}" if trait is Trait.CONTRAST else str(trait) for trait in self.traits]
        return f"{self.contrast} looks unlike the training scans ({', '.join(shown)})" if shown else ""


def likeness(look: Look | None, prepared: Prepared, contrast: str, pixel_mm: float) -> Likeness:
    """Hold a scan against those of a training.

    Args:
        look: of the training scans of the contrast; none where that is not known.
        prepared: the scan, ready for a network.
        contrast: that it is named.
        pixel_mm: side of a pixel.
    """
    likely = likely_names(prepared, pixel_mm) if contrast in NAME_OF else {}
    return Likeness(contrast, unlike(look or Look({}), numbers_of(prepared, contrast), likely, contrast), likely)


def numbers_of(prepared: Prepared, contrast: str) -> dict[str, float]:
    """Return the numbers of a scan that was made ready for a network, see `likeness.describe`."""
    record = prepared.record
    affine = np.array(record.scans[contrast].original.affine)
    sides = np.linalg.norm(affine[:3, :3], axis=0).tolist()
    return describe(prepared.slices, prepared.brain, record.brain_ml, sides)


def likely_names(prepared: Prepared, pixel_mm: float) -> dict[str, float]:
    """Return how likely each contrast is by the base model, of a scan that was made ready for a network."""
    grid = prepared.record.slice_grid
    near = grid is None or grid.volume().spacing[2] <= FARTHEST_MM
    return shipped().name(prepared.slices, pixel_mm, neighbours=near)


def unlike(look: Look, numbers: Mapping[str, float], likely: Mapping[str, float], contrast: str) -> tuple[Trait, ...]:
    """Return in what a scan is unlike.

    Args:
        look: of the training scans of the contrast.
        numbers: of the scan.
        likely: likelihood of each name, of the base model; empty where it tells none.
        contrast: that the scan is named.
    """
    own = NAME_OF.get(contrast)
    other = likeliest(likely) if likely and own else None
    misnamed = own is not None and other not in (None, own) and likely[own] < DOUBTFUL
    return (*look.unlike(numbers), *([Trait.CONTRAST] if misnamed else []))
