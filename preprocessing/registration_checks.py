"""How far a registration may be trusted, measured without knowing the truth.

A true place is an optimum that falls off steeply on all sides, and edges of both scans meet there. A false optimum lies
on a plain, and its edges meet no more often than by chance.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from hifisyn.preprocessing.edges import compare_edges, share_met
from hifisyn.preprocessing.mutual_information import normalised_mutual_information
from hifisyn.preprocessing.register_frame import FEWEST_SAMPLES, Frame
from hifisyn.preprocessing.rigid import rotation, translation

AWAY = 4.0
PLANES, LEAST_PIXELS = 16, 200
TISSUE_SHARE = 0.15

# Of `Checks.agreement`; documentation/explanation/registration.md shows what the limits come from.
TRUSTED, FAILED = 0.5, 0.3
LEAST_GAIN, LEAST_SEEN = 0.05, 0.05


class Verdict(StrEnum):
    """How far a registration may be trusted."""

    TRUSTED = "trusted"
    DOUBTFUL = "doubtful"
    FAILED = "failed"


@dataclass(frozen=True)
class Checks:
    """What is measured of a registration, on cubes of 2 mm.

    Attributes:
        seen: share of the brain in the moving scan's field of view.
        overlap: share of the brain seen that is tissue in the moving scan.
        edges_met: share of the strong edges in the brain seen that the moving scan has within 1.5 mm.
        edges_by_chance: what `edges_met` would be of unrelated scans.
        nmi_before, nmi_after: normalised mutual information in the brain seen, 1 to 2, by the headers alone and
            registered.
        fit_away: share of the fit (`Frame.fit`), 0 to 1, that is left where the scan is moved on by 4 mm or turned by
            4 degrees, mean of twelve such moves.
    """

    seen: float
    overlap: float
    edges_met: float
    edges_by_chance: float
    nmi_before: float
    nmi_after: float
    fit_away: float

    @property
    def agreement(self) -> float:
        """How steep the optimum is plus how far above chance edges meet: about 0 for false optima, at most 2."""
        return 1 - self.fit_away + self.edge_gain

    @property
    def edge_gain(self) -> float:
        """How far above chance edges meet, as a share of what is left above it."""
        return (self.edges_met - self.edges_by_chance) / max(1 - self.edges_by_chance, 1e-3)

    @property
    def verdict(self) -> Verdict:
        """How far the registration may be trusted."""
        if self.agreement < FAILED or self.edge_gain < LEAST_GAIN:
            return Verdict.FAILED
        return Verdict.TRUSTED if self.agreement >= TRUSTED and self.seen >= LEAST_SEEN else Verdict.DOUBTFUL

    def __str__(self) -> str:
        return (
            f"{self.verdict}: agreement {self.agreement:.2f}, {self.fit_away:.0%} of the fit left 4 mm away, edges met "
            f"{self.edges_met:.0%}, by chance {self.edges_by_chance:.0%}, brain seen {self.seen:.0%}"
        )


def check(frame: Frame, moving_to_fixed: np.ndarray) -> Checks:
    """Measure a registration.

    Args:
        frame: both scans.
        moving_to_fixed: (4, 4), world mm.
    """
    met, by_chance = _edges(frame, moving_to_fixed)
    return Checks(
        seen=round(frame.seen(moving_to_fixed), 4),
        overlap=round(_overlap(frame, moving_to_fixed), 4),
        edges_met=round(met, 4),
        edges_by_chance=round(by_chance, 4),
        nmi_before=round(_information(frame, np.eye(4)), 4),
        nmi_after=round(_information(frame, moving_to_fixed), 4),
        fit_away=round(_fit_away(frame, moving_to_fixed), 4),
    )


def _fit_away(frame: Frame, moving_to_fixed: np.ndarray) -> float:
    here = frame.fit(moving_to_fixed, stride=3)
    if here <= 0:
        return 1.0
    moves = [sign * AWAY * axis for axis in np.eye(3) for sign in (-1, 1)]
    away = [change @ moving_to_fixed for move in moves for change in (translation(move), rotation(move, frame.middle))]
    return float(np.mean([np.clip(frame.fit(place, stride=3) / here, 0, 1) for place in away]))


def _information(frame: Frame, moving_to_fixed: np.ndarray) -> float:
    fixed, moving = frame.sample(moving_to_fixed)
    return normalised_mutual_information(fixed, moving) if len(fixed) >= FEWEST_SAMPLES else 1.0


def _overlap(frame: Frame, moving_to_fixed: np.ndarray) -> float:
    _, moving = frame.sample(moving_to_fixed)
    return float((moving > TISSUE_SHARE * np.percentile(frame.moving.data, 99)).mean()) if len(moving) else 0.0


def _edges(frame: Frame, moving_to_fixed: np.ndarray) -> tuple[float, float]:
    """Return the share of edges met, and that by chance, over evenly spread axial planes."""
    moved = frame.moved(moving_to_fixed)
    seen = frame.brain & np.isfinite(moved)
    planes = np.flatnonzero(seen.sum(axis=(0, 1)) >= LEAST_PIXELS)
    chosen = planes[np.linspace(0, len(planes) - 1, min(PLANES, len(planes))).round().astype(int)]
    other = np.nan_to_num(moved, nan=0.0)
    edges = [compare_edges(frame.fixed.data[..., k], other[..., k], seen[..., k], frame.millimetres) for k in chosen]
    return share_met(edges) or 0.0, float(np.mean([plane.by_chance for plane in edges])) if edges else 0.0
