"""How a stack of slices lies in a head: plane, pixel, thickness, gap, and the person's own shape and position."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hifisyn.simulation.fields import INJECTIVE_SHARE, Field, draw_field
from hifisyn.simulation.label_maps import Anatomy

# Directions (right, front, up) of the slices, the rows and the columns.
PLANES = {
    "axial": np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]], dtype=float),
    "coronal": np.array([[0, -1, 0], [0, 0, -1], [-1, 0, 0]], dtype=float),
    "sagittal": np.array([[-1, 0, 0], [0, 0, -1], [0, -1, 0]], dtype=float),
}
PLANE_SHARES = (0.7, 0.15, 0.15)
PIXEL_MM, THICKNESS_MM = (1.0, 2.5), (1.0, 6.0)
GAPS, GAP_SHARE = 0.4, (0.05, 0.3)
MOST_SLICES = 36
SAMPLE_MM = 1.25
TILT_DEGREES, SCALE, COMMON_SCALE = 9.0, 0.06, 0.06
JITTER_PIXELS = 3.0
# Knot distance of each lattice, mm, and the span of its share of `INJECTIVE_SHARE`: together below 1: nothing folds.
ELASTIC = {45.0: (0.05, 0.6), 18.0: (0.0, 0.35)}


@dataclass(frozen=True)
class Cut:
    """Slices of one kind.

    Attributes:
        plane: one of `PLANES`.
        pixel_mm: side of a pixel.
    """

    plane: str
    pixel_mm: float


@dataclass(frozen=True)
class SliceGeometry:
    """A stack of slices in a head.

    Attributes:
        plane: one of `PLANES`.
        size: pixels along each side.
        pixel_mm: side of a pixel.
        thickness_mm, slice_mm: of a slice, and from one to the next.
        count: of slices.
        origin: (3,) mm from the stack's middle to that of the head, along slices, rows and columns.
        matrix: (3, 3) from mm of the stack to mm of the map.
        centre: (3,) the head's middle, mm of the map.
        elastic: displacements, three components, mm of the stack.
    """

    plane: str
    size: int
    pixel_mm: float
    thickness_mm: float
    slice_mm: float
    count: int
    origin: np.ndarray
    matrix: np.ndarray
    centre: np.ndarray
    elastic: tuple[Field, ...]

    @property
    def samples(self) -> tuple[int, int]:
        """How many samples make a voxel, across the slice and along each side of a pixel."""
        across = max(1, int(np.ceil(self.thickness_mm / SAMPLE_MM)))
        return across, max(1, int(np.ceil(self.pixel_mm / SAMPLE_MM)))

    def slice_axes(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where the samples of a slice lie along slices, rows and columns, mm."""
        across, along = self.samples
        depth = ((np.arange(across) + 0.5) / across - 0.5) * self.thickness_mm
        depth += (index - (self.count - 1) / 2) * self.slice_mm + self.origin[0]
        side = ((np.arange(self.size * along) + 0.5) / along - self.size / 2) * self.pixel_mm
        return depth, side + self.origin[1], side + self.origin[2]

    def points(self, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Return which mm of the map the samples that axes span show, (3, A, B, C) float32."""
        moved = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
        for field in self.elastic:
            moved += field.on(axes)
        turned = np.tensordot(self.matrix.astype(np.float32), moved, axes=1)
        return np.asarray(turned + self.centre.astype(np.float32).reshape(3, 1, 1, 1))

    def centres(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where the pixels' centres lie along slices, rows and columns, mm."""
        slices = (np.arange(self.count) - (self.count - 1) / 2) * self.slice_mm
        side = (np.arange(self.size) + 0.5 - self.size / 2) * self.pixel_mm
        return slices + self.origin[0], side + self.origin[1], side + self.origin[2]


def draw_geometry(rng: np.random.Generator, anatomy: Anatomy, size: int, cut: Cut | None = None) -> SliceGeometry:
    """Draw a person's shape and the stack that is cut from it; plane and pixel are those of `cut` where it is given."""
    plane = str(rng.choice(list(PLANES), p=PLANE_SHARES))
    pixel = float(rng.uniform(*PIXEL_MM))
    plane, pixel = (plane, pixel) if cut is None else (cut.plane, cut.pixel_mm)
    thickness = float(rng.uniform(pixel if rng.random() < 0.5 else THICKNESS_MM[0], THICKNESS_MM[1]))
    if rng.random() < 0.25:
        thickness = float(rng.uniform(1.0, 1.5))
    gap = thickness * rng.uniform(*GAP_SHARE) if rng.random() < GAPS else 0.0
    scale = np.exp(COMMON_SCALE * rng.uniform(-1, 1) + SCALE * rng.uniform(-1, 1, 3))
    turn = Rotation.from_euler("xyz", rng.uniform(-TILT_DEGREES, TILT_DEGREES, 3), degrees=True).as_matrix()
    mirror = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0, 1.0])
    matrix = mirror @ np.diag(1 / scale) @ turn @ PLANES[plane].T
    centre, low, high = _extent(anatomy, matrix)
    spacing = thickness + gap
    count = int(np.clip(np.ceil((high[0] - low[0]) / spacing), 3, MOST_SLICES))
    room = np.array([count * spacing, size * pixel, size * pixel])
    spare = np.maximum(high - low - room, 0) / 2
    jitter = np.array([0.0, 1.0, 1.0]) * JITTER_PIXELS * pixel * rng.uniform(-1, 1, 3)
    origin = (low + high) / 2 + spare * rng.uniform(-1, 1, 3) + jitter
    reach = room / 2 + 3 * spacing
    elastic = tuple(
        draw_field(rng, origin - reach, origin + reach, knot, rng.uniform(*share) * INJECTIVE_SHARE * knot, (3,))
        for knot, share in ELASTIC.items()
    )
    return SliceGeometry(plane, size, pixel, thickness, spacing, count, origin, matrix, centre, elastic)


def _extent(anatomy: Anatomy, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the brain's middle, mm of the map, and its lowest and highest corner around it, mm of the stack."""
    brain = np.argwhere(anatomy.to_hull[::3, ::3, ::3] < 0) * 6 * anatomy.spacing
    centre = (brain.min(axis=0) + brain.max(axis=0)) / 2
    seen = (brain - centre) @ np.linalg.inv(matrix).T
    return centre, seen.min(axis=0), seen.max(axis=0)
