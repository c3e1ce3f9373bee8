"""Mass effect: tissue moves away from what grows, the midline shifts, and sulci near it close.

Along each ray from the centre c of a mass of radius R, what is seen at p was at p - f(p) (p - c) before it grew, with
f = a w / sqrt(1 + u^6), u = |p - c| / R. Within the mass a share `a` of the radius is gained; beyond it the
displacement falls with the square of the distance, as in a medium that cannot be compressed. The skull is rigid, so
that w rises from 0 at the brain's surface to 1 at `EDGE_MM` deeper: near the surface tissue is squeezed, not moved.
The falx and the tentorium hold nothing here. All is chosen; it is no model of a tissue's mechanics.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from hifisyn.simulation.atrophy import SULCI, closing
from hifisyn.simulation.label_maps import Anatomy
from hifisyn.simulation.strokes import Stroke, stroke, whole

# w rises from RIGID_MM below the closed surface on, where the measured distance is smooth.
RIGID_MM, EDGE_MM = 3.0, 30.0
STEEPEST = 1.5 / EDGE_MM  # of the smooth step
FARTHEST = 0.73  # u / sqrt(1 + u^6) is largest at u^6 = 1/2
# Sulci close to `CLOSED` within a mass, and less and less to `REACH_MM` outside; less where a push is below FULL_PUSH.
REACH_MM, FULL_PUSH = 25.0, 0.35
CLOSED = SULCI[0]


@dataclass(frozen=True)
class Mass:
    """A lesion as what is around it feels it.

    Attributes:
        centre: (3,) voxel.
        radius_mm: of the lesion.
        push: share of the radius that it gained by moving tissue away, 0..1; 0 where it took the place of tissue.
    """

    centre: np.ndarray
    radius_mm: float
    push: float = 0.0

    @property
    def share(self) -> float:
        """The push as far as nothing folds.

        The Jacobian along a ray is at least 1 - a - a FARTHEST R |grad w|, and |grad w| is at most `STEEPEST`; a tenth
        of it remains.
        """
        return min(self.push, 0.9 / (1 + FARTHEST * self.radius_mm * STEEPEST))


def pushed(anatomy: Anatomy, masses: Iterable[Mass]) -> Anatomy:
    """Return the head after its masses have grown, in this order; the brain's surface keeps its place."""
    for mass in masses:
        if mass.push:
            anatomy = _pushed(anatomy, mass)
    return anatomy


def effaced(anatomy: Anatomy, masses: Iterable[Mass], strokes: list[Stroke]) -> list[Stroke]:
    """Return strokes of a pushed head with its sulci closed near masses: those that widen them there are taken back."""
    shape = anatomy.classes.shape
    for mass in masses:
        if mass.push:
            strokes = [_taken_back(s, mass, anatomy) if s.tissue == "fluid" else s for s in strokes]
            box = _reach(mass, anatomy)
            near = nearness(mass, np.ogrid[box], anatomy.spacing)
            share = closing(anatomy.classes[box], anatomy.spacing, CLOSED) * near
            strokes.append(stroke("cortex", share, box, shape))
    return strokes


def pull(mass: Mass, anatomy: Anatomy) -> np.ndarray:
    """Return f: which share of the way to the centre each voxel's tissue came from, (I, J, K) float32."""
    squared = sum(d * d for d in _offsets(mass, np.ogrid[whole(anatomy.classes.shape)], anatomy.spacing))
    u2 = (squared / mass.radius_mm**2).astype(np.float32)
    return np.asarray(mass.share * _free(anatomy) / np.sqrt(1 + u2 * u2 * u2))


def nearness(mass: Mass, voxels: Sequence[np.ndarray], spacing: np.ndarray) -> np.ndarray:
    """Return how near a mass places are: 1 in it, falling to 0 at `REACH_MM` outside; less where the push is weak.

    Args:
        mass: that is near.
        voxels: three arrays that go together, places along each axis.
        spacing: (3,) mm.
    """
    distance = np.sqrt(sum(d * d for d in _offsets(mass, voxels, spacing)))
    strength = min(mass.push / FULL_PUSH, 1)
    return np.asarray(strength * np.clip(1 - (distance - mass.radius_mm) / REACH_MM, 0, 1), dtype=np.float32)


def _pushed(anatomy: Anatomy, mass: Mass) -> Anatomy:
    shape = anatomy.classes.shape
    share = pull(mass, anatomy)
    flat = np.zeros(shape, dtype=np.int32)
    for places, centre, length in zip(np.ogrid[whole(shape)], mass.centre, shape, strict=True):
        from_here = np.rint(places - share * (places - np.float32(centre))).astype(np.int32)
        flat = flat * np.int32(length) + from_here
    coarse = share[::2, ::2, ::2]
    halves = np.ogrid[whole(coarse.shape)]
    sources = [h - coarse * (h - np.float32(c / 2)) for h, c in zip(halves, mass.centre, strict=True)]
    return replace(
        anatomy,
        classes=anatomy.classes.reshape(-1)[flat],
        to_tissue=anatomy.to_tissue.reshape(-1)[flat],
        to_ventricle=ndimage.map_coordinates(anatomy.to_ventricle, sources, order=1, output=np.float32),
    )


def _offsets(mass: Mass, voxels: Sequence[np.ndarray], spacing: np.ndarray) -> list[np.ndarray]:
    """Return mm from the centre along each axis."""
    return [(v - c) * mm for v, c, mm in zip(voxels, mass.centre, spacing, strict=True)]


def _free(anatomy: Anatomy) -> np.ndarray:
    """Return w: 0 at the brain's surface and outside, 1 deep in it, (I, J, K) float32."""
    ramp = np.clip((-anatomy.to_hull - RIGID_MM) / EDGE_MM, 0, 1)
    smooth = ramp * ramp * (3 - 2 * ramp)
    for axis in range(3):
        smooth = _doubled(smooth, axis)
    return smooth[tuple(slice(0, n) for n in anatomy.classes.shape)]


def _doubled(data: np.ndarray, axis: int) -> np.ndarray:
    """Put the mean of neighbours between them, and the last one twice, along an axis."""
    after = np.concatenate([np.take(data, range(1, data.shape[axis]), axis), np.take(data, [-1], axis)], axis)
    shape = list(data.shape)
    shape[axis] *= 2
    return np.stack([data, (data + after) / 2], axis + 1).reshape(shape)


def _reach(mass: Mass, anatomy: Anatomy) -> tuple[slice, ...]:
    """Return the box in which sulci are near a mass."""
    reach = (mass.radius_mm + REACH_MM) / anatomy.spacing
    low = np.maximum(np.floor(mass.centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(mass.centre + reach) + 1, anatomy.classes.shape).astype(int)
    return tuple(slice(a, b) for a, b in zip(low, high, strict=True))


def _taken_back(wide: Stroke, mass: Mass, anatomy: Anatomy) -> Stroke:
    voxels = np.unravel_index(wide.places, anatomy.classes.shape)
    return replace(wide, share=wide.share * (1 - nearness(mass, voxels, anatomy.spacing)))
