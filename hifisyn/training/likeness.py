"""How a scan looks, in a few numbers, and whether it looks like the scans of a training.

A number is unlike where a Student t prediction interval of the training scans leaves it out. Few scans say little of
how far scans differ, so the spread is that of the training scans and of `PRIOR` imagined ones, which differ as usual.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

PRIOR = 4  # scans that the usual spread counts for
ALPHA = 5e-4  # share of sound scans that one number leaves out; set on `benchmarks/unlike_training.py`
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST_BRAIN = 0.02  # share of a slice that brain must cover: what is less is rim
TINY = 1e-6


class Trait(StrEnum):
    """What can be unlike; the value stands in files and sentences."""

    INTENSITIES = "intensities in the brain"
    TEXTURE = "noise or sharpness"
    BRAIN = "brain volume"
    VOXELS = "voxel size"
    CONTRAST = "contrast"


# By number: its trait, and by how much it usually differs between sound scans of a cohort.
NUMBERS: dict[str, tuple[Trait, float]] = {
    **{f"quantile {level}": (Trait.INTENSITIES, 0.08) for level in LEVELS},
    "skew": (Trait.INTENSITIES, 0.12),  # whatever the range
    "log texture": (Trait.TEXTURE, 0.3),
    "log brain ml": (Trait.BRAIN, 0.12),
    "log finest mm": (Trait.VOXELS, 0.2),
    "log coarsest mm": (Trait.VOXELS, 0.3),
}

OF_CONTRAST = ("log texture", "skew")  # tell contrasts apart, and do not hang together


@dataclass(frozen=True)
class Spread:
    """A number over the scans of a training.

    Attributes:
        mean: of them.
        deviation: standard deviation, 0 of a single one.
        count: of the scans.
    """

    mean: float
    deviation: float
    count: int

    def leaves_out(self, value: float, usual: float) -> bool:
        """Return whether a value is hardly one of these, where sound scans usually differ by `usual`."""
        from scipy.stats import t

        freedom, scale = self._scale(usual)
        return bool(abs(value - self.mean) / scale > t.ppf(1 - ALPHA / 2, freedom))

    def log_density(self, value: float, usual: float) -> float:
        """Return the logarithm of how dense such scans lie at a value."""
        from scipy.stats import t

        freedom, scale = self._scale(usual)
        return float(t.logpdf((value - self.mean) / scale, freedom) - math.log(scale))

    def _scale(self, usual: float) -> tuple[int, float]:
        """Return degrees of freedom and scale of the distribution of one more scan."""
        freedom = PRIOR + self.count - 1
        variance = (PRIOR * usual**2 + (self.count - 1) * self.deviation**2) / freedom
        return freedom, math.sqrt(variance * (1 + 1 / self.count))


@dataclass(frozen=True)
class Look:
    """How the training scans of a contrast look.

    Attributes:
        spreads: by number of `NUMBERS`; what is not known is left out.
    """

    spreads: Mapping[str, Spread]

    @classmethod
    def of(cls, scans: Sequence[Mapping[str, float]]) -> "Look":
        """Sum up scans, each as `describe` returned it."""
        spreads = {}
        for name in NUMBERS:
            values = [scan[name] for scan in scans if math.isfinite(scan.get(name, math.nan))]
            if values:
                deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
                spreads[name] = Spread(round(float(np.mean(values)), 5), round(deviation, 5), len(values))
        return cls(spreads)

    def unlike(self, scan: Mapping[str, float]) -> tuple[Trait, ...]:
        """Return in what a scan, as `describe` returned it, is hardly one of the training's.

        >>> sound = {"log brain ml": math.log(1200)}
        >>> Look.of([sound, sound]).unlike({"log brain ml": math.log(150)})
        (<Trait.BRAIN: 'brain volume'>,)
        """
        found = (
            NUMBERS[name][0]
            for name, spread in self.spreads.items()
            if name in scan and spread.leaves_out(scan[name], NUMBERS[name][1])
        )
        return tuple(dict.fromkeys(found))

    def log_density(self, scan: Mapping[str, float]) -> float | None:
        """Return how dense such scans lie where a scan lies, by `OF_CONTRAST`; none where a number is not known."""
        known = [name for name in OF_CONTRAST if name in scan and name in self.spreads]
        if len(known) < len(OF_CONTRAST):
            return None
        return sum(self.spreads[name].log_density(scan[name], NUMBERS[name][1]) for name in known)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return plain data, which `from_json` turns into an equal look."""
        return {name: asdict(spread) for name, spread in self.spreads.items()}

    @classmethod
    def from_json(cls, content: object) -> "Look":
        """Read what `as_json` wrote; what is none of it is passed over."""
        known = {name: entry for name, entry in content.items() if name in NUMBERS} if isinstance(content, dict) else {}
        spreads = {name: spread for name, entry in known.items() if (spread := _spread(entry))}
        return cls(spreads)


def describe(images: np.ndarray, brain: np.ndarray, brain_ml: float, voxel_mm: Sequence[float]) -> dict[str, float]:
    """Return the numbers of a scan.

    Args:
        images: (S, H, W) in [-1, 1].
        brain: (S, H, W) bool.
        brain_ml: volume of the brain, 0 where it is not known.
        voxel_mm: sides of a voxel of the file, empty where they are not known.
    """
    shown = brain.mean(axis=(1, 2)) >= LEAST_BRAIN
    images, brain = (images[shown], brain[shown]) if shown.any() else (images, brain)
    numbers: dict[str, float] = {}
    if brain.any():
        quantiles = np.quantile(images[brain], LEVELS)
        numbers |= {f"quantile {level}": float(value) for level, value in zip(LEVELS, quantiles, strict=True)}
        darkest, low, middle, high, brightest = quantiles.tolist()
        numbers["skew"] = (darkest + brightest - 2 * middle) / (brightest - darkest + TINY)
        numbers["log texture"] = math.log(_texture(images, brain) / (high - low + TINY) + TINY)
    if brain_ml > 0:
        numbers["log brain ml"] = math.log(brain_ml)
    if voxel_mm:
        numbers |= {"log finest mm": math.log(min(voxel_mm)), "log coarsest mm": math.log(max(voxel_mm))}
    return numbers


def _texture(images: np.ndarray, brain: np.ndarray) -> float:
    """Return the median difference of pixels side by side, both in the brain."""
    differences = [
        np.abs(np.diff(images, axis=axis))[np.delete(brain, 0, axis) & np.delete(brain, -1, axis)] for axis in (1, 2)
    ]
    values = np.concatenate(differences)
    return float(np.median(values)) if values.size else 0.0


def _spread(entry: object) -> Spread | None:
    try:
        spread = Spread(float(entry["mean"]), float(entry["deviation"]), int(entry["count"]))  # type: ignore[index]
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
    sound = math.isfinite(spread.mean) and 0 <= spread.deviation < math.inf and spread.count > 0
    return spread if sound else None
