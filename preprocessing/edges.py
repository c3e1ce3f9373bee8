"""Checks a registration by edges: a shift shows as edges of one contrast that the other does not have."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.feature import canny

SMOOTHING_MM, AROUND_MM = 1.5, 3.0
STRONG, WEAK = (0.75, 0.9), (0.5, 0.7)
SHORTEST_MM = 12.0
NEAR_MM = 1.5
EVEN = 1e-5


@dataclass(frozen=True)
class Edges:
    """The strong edges of a reference, and which of them another contrast has too.

    Attributes:
        met: (H, W) bool, the other contrast has an edge within 1.5 mm.
        missed: (H, W) bool, it has none.
        by_chance: share of the brain that lies within 1.5 mm of an edge of the other contrast: what would be met if the
            edges had nothing to do with each other.
    """

    met: np.ndarray
    missed: np.ndarray
    by_chance: float


def compare_edges(reference: np.ndarray, other: np.ndarray, brain: np.ndarray, pixel_mm: float) -> Edges:
    """Find the strong edges of the reference in and near the brain, and look for them in the other contrast.

    Canny edges (Canny 1986) of images smoothed by 1.5 mm: of the reference those that are strong and at least 12 mm
    long, of the other the weak ones too, since contrasts differ in which borders they show well.

    Args:
        reference: (H, W), any units.
        other: (H, W), any units, placed as the reference.
        brain: (H, W) bool.
        pixel_mm: side of a pixel.
    """
    around = ndimage.binary_dilation(brain, iterations=max(1, round(AROUND_MM / pixel_mm)))
    strong = _keep_long(_edges(reference, around, pixel_mm, STRONG), SHORTEST_MM / pixel_mm)
    weak = _edges(other, around, pixel_mm, WEAK)
    near = ndimage.distance_transform_edt(~weak) * pixel_mm <= NEAR_MM if weak.any() else weak
    return Edges(strong & near, strong & ~near, float(near[brain].mean()) if brain.any() else 0.0)


def share_met(planes: list[Edges]) -> float | None:
    """Return the share of the reference's edges that are met, over all planes; none where there are no edges."""
    met = sum(int(edges.met.sum()) for edges in planes)
    missed = sum(int(edges.missed.sum()) for edges in planes)
    return met / (met + missed) if met + missed else None


def _edges(image: np.ndarray, around: np.ndarray, pixel_mm: float, quantiles: tuple[float, float]) -> np.ndarray:
    if np.ptp(image[around]) <= EVEN * np.abs(image[around]).max(initial=0):
        return np.zeros(image.shape, dtype=bool)
    low, high = quantiles
    edges: np.ndarray = canny(
        image.astype(np.float32),
        sigma=SMOOTHING_MM / pixel_mm,
        low_threshold=low,
        high_threshold=high,
        use_quantiles=True,
        mask=around,
    )
    return edges


def _keep_long(edges: np.ndarray, least: float) -> np.ndarray:
    """Return the edges of at least `least` pixels."""
    pieces, _ = ndimage.label(edges, structure=np.ones((3, 3)))
    large = np.bincount(pieces.ravel()) >= least
    large[0] = False
    long: np.ndarray = large[pieces]
    return long
