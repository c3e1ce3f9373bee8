"""Skull, scalp, face and neck around the template's brain, from simple shapes and distances."""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.template import EDGE_MM, OUTER_TISSUES


@dataclass(frozen=True)
class Shell:
    """How thick one person's layers are.

    Attributes:
        skull_mm: from the dura to the outer table.
        scalp_mm: from the skull to the air.
        skin_mm: the outermost part of the scalp, without fat.
    """

    skull_mm: float
    scalp_mm: float
    skin_mm: float = 2.0


def draw_shell(rng: np.random.Generator) -> Shell:
    """Draw the layers of one adult."""
    return Shell(skull_mm=rng.uniform(5.5, 7.5), scalp_mm=rng.uniform(6.0, 9.0))


def outer_tissues(
    points: np.ndarray, to_brain: np.ndarray, to_hull: np.ndarray, texture: np.ndarray, shell: Shell
) -> np.ndarray:
    """Return what fills the head outside the brain.

    Args:
        points: (3, I, J, K) template millimetres.
        to_brain: (I, J, K) signed mm to the brain's surface.
        to_hull: (I, J, K) signed mm to the closed brain's surface.
        texture: (I, J, K) smooth noise, standard deviation about 1, that breaks up muscle and fat.
        shell: the thickness of the layers.

    Returns:
        (4, I, J, K) float32, fractions of `OUTER_TISSUES`; what is missing to 1 is air or compact bone.
    """
    canvas = Canvas(to_brain.shape)
    skin = _head_surface(points, to_hull - (shell.skull_mm + shell.scalp_mm))
    _paint_soft_tissue(canvas, skin, texture, shell)
    _paint_face(canvas, points, texture, skin)
    _paint_skull(canvas, to_hull, texture, shell)
    _paint_spine(canvas, points)
    _paint_meninges(canvas, to_brain, to_hull)
    return canvas.fractions


class Canvas:
    """Fractions that add up to at most 1: each stroke covers what lies below it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.fractions = np.zeros((len(OUTER_TISSUES), *shape), dtype=np.float32)

    def paint(self, weight: np.ndarray, **tissues: float) -> None:
        """Cover by `weight` (0..1); tissues give the mixture, nothing means air or bone."""
        self.fractions *= 1 - weight
        for tissue, share in tissues.items():
            self.fractions[OUTER_TISSUES.index(tissue)] += share * weight


def inside(distance: np.ndarray, edge: float = EDGE_MM) -> np.ndarray:
    """Turn signed millimetres into a fraction: 1 inside (negative), 0 outside, a ramp of 2 `edge` between."""
    return np.clip(0.5 - distance / (2 * edge), 0, 1)


def between(distance: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """Return the fraction of a layer that reaches from `low` to `high` mm."""
    share: np.ndarray = inside(distance - high) * inside(low - distance)
    return share


def ellipsoid(points: np.ndarray, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Return approximate signed millimetres to an ellipsoid, both sides of the midline where centre x is not 0."""
    x, y, z = points
    x = np.abs(x) if centre[0] else x
    scaled = [(p - c) / r for p, c, r in zip((x, y, z), centre, radii, strict=True)]
    norm = np.sqrt(sum(s * s for s in scaled))
    distance: np.ndarray = (norm - 1) * min(radii)
    return distance


def _head_surface(points: np.ndarray, scalp: np.ndarray) -> np.ndarray:
    x, y, z = points
    neck = (np.hypot(x / 58, (y + 30) / 62) - 1) * 58
    parts = [
        np.maximum(neck, z + 45),
        ellipsoid(points, (0, 5, -60), (70, 62, 52)),
        ellipsoid(points, (0, 38, -76), (58, 54, 60)),
        ellipsoid(points, (0, 38, -38), (60, 46, 40)),
        ellipsoid(points, (0, 90, -50), (13, 18, 20)),
    ]
    surface = scalp
    for part in parts:
        surface = _smooth_minimum(surface, part)
    return surface


def _smooth_minimum(a: np.ndarray, b: np.ndarray, blend_mm: float = 8.0) -> np.ndarray:
    h = np.clip(blend_mm - np.abs(a - b), 0, None) / blend_mm
    blended: np.ndarray = np.minimum(a, b) - h * h * blend_mm / 4
    return blended


def _paint_soft_tissue(canvas: Canvas, skin: np.ndarray, texture: np.ndarray, shell: Shell) -> None:
    canvas.paint(inside(skin), muscle=1.0)
    fat_mm = shell.scalp_mm - shell.skin_mm
    canvas.paint(between(skin, -shell.skin_mm - fat_mm - 1.5 * texture, -shell.skin_mm), fat=0.9, muscle=0.1)
    septa = inside(0.6 - texture, 0.7) * inside(skin + shell.skin_mm)
    canvas.paint(septa, fat=0.7)


def _paint_face(canvas: Canvas, points: np.ndarray, texture: np.ndarray, skin: np.ndarray) -> None:
    deep = inside(skin + 4)
    canvas.paint(inside(ellipsoid(points, (32, 42, -37), (19, 32, 18))) * deep, fat=0.9)
    canvas.paint(inside(ellipsoid(points, (32, 60, -37), (12.5, 12.5, 12.5))), fluid=1.0)
    canvas.paint(inside(ellipsoid(points, (34, 40, -62), (15, 22, 18)) + 2 * texture) * deep)
    canvas.paint(inside(ellipsoid(points, (0, 50, -58), (16, 32, 22)) + 5 * texture) * deep)
    canvas.paint(inside(ellipsoid(points, (0, 10, -92), (11, 8, 40)) + 2 * texture) * deep)
    canvas.paint(inside(ellipsoid(points, (0, 84, -14), (16, 7, 12)) + 2 * texture) * deep)
    canvas.paint(inside(ellipsoid(points, (52, -30, -52), (12, 16, 14)) + 4 * texture) * deep)


def _paint_skull(canvas: Canvas, to_hull: np.ndarray, texture: np.ndarray, shell: Shell) -> None:
    canvas.paint(inside(to_hull - shell.skull_mm))
    third = shell.skull_mm / 3
    canvas.paint(between(to_hull, third, 2 * third + 0.5 * texture), fat=0.45)


def _paint_spine(canvas: Canvas, points: np.ndarray) -> None:
    x, y, z = points
    radius = np.hypot(x, y - (-44 + 0.12 * (z + 72)))
    below = inside(z + 60, 2.0)
    canvas.paint(inside(radius - 13) * below)
    canvas.paint(inside(radius - 9) * below, fluid=1.0)
    canvas.paint(inside(radius - 5.5) * below, nerve=1.0)


def _paint_meninges(canvas: Canvas, to_brain: np.ndarray, to_hull: np.ndarray) -> None:
    within = inside(to_hull)
    canvas.paint(within * inside(to_brain - 9), fat=0.1, muscle=0.25)
    canvas.paint(within * inside(to_brain - 1.2), fluid=0.8)
