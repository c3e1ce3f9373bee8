"""In what a scan looks unlike those that a model was trained on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hifisyn.base.naming import NAME_OF, likeliest
from hifisyn.base.shipped import shipped
from hifisyn.inference.base.prediction import FARTHEST_MM
from hifisyn.inference.base.recognise import DOUBTFUL
from hifisyn.preprocessing.prepare import Prepared
from hifisyn.training.likeness import Look, Trait, describe

LOG_ODDS = 3.5  # 33 to 1; sound scans stay below, see `benchmarks/unlike_training.py`
LEAST = 1e-3  # the base model is never surer than that


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


def likeness(looks: Mapping[str, Look], prepared: Prepared, contrast: str, pixel_mm: float) -> Likeness:
    """Hold a scan against those of a training.

    Args:
        looks: of the training scans, by contrast; empty where they are not known.
        prepared: the scan, ready for a network.
        contrast: that it is named.
        pixel_mm: side of a pixel.
    """
    likely = likely_names(prepared, pixel_mm) if contrast in NAME_OF else {}
    return Likeness(contrast, unlike(looks, numbers_of(prepared, contrast), likely, contrast), likely)


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


def unlike(
    looks: Mapping[str, Look], numbers: Mapping[str, float], likely: Mapping[str, float], contrast: str
) -> tuple[Trait, ...]:
    """Return in what a scan is unlike.

    Args:
        looks: of the training scans, by contrast.
        numbers: of the scan.
        likely: likelihood of each name, of the base model; empty where it tells none.
        contrast: that the scan is named.
    """
    own = looks.get(contrast, Look({})).unlike(numbers)
    misnamed = contrast in NAME_OF and bool(likely) and _is_another(looks, numbers, likely, contrast)
    return (*own, *([Trait.CONTRAST] if misnamed else []))


def _is_another(
    looks: Mapping[str, Look], numbers: Mapping[str, float], likely: Mapping[str, float], contrast: str
) -> bool:
    """Return whether a scan is another contrast, by its looks alone or by these and the training scans of both."""
    name = NAME_OF[contrast]
    if likeliest(likely) not in (None, name) and likely[name] < DOUBTFUL:
        return True
    densities = {c: look.log_density(numbers) for c, look in looks.items() if c in NAME_OF}
    odds = {c: density + _log(likely[NAME_OF[c]]) for c, density in densities.items() if density is not None}
    others = [value for c, value in odds.items() if NAME_OF[c] != name]
    return contrast in odds and max(others, default=-math.inf) - odds[contrast] > LOG_ODDS


def _log(likelihood: float) -> float:
    return math.log(max(likelihood, LEAST))
