"""Shapes of lesions on label maps: a place, ragged distances around it, and which tissue may be covered."""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.label_maps import INDEX, Anatomy, members
from hifisyn.simulation.strokes import Stroke, stroke

ROUGHNESS = 1.2
DEEP = ("thalamus", "caudate", "putamen", "pallidum", "accumbens", "hippocampus")
WHITE = ("white_matter", "cerebellar_white_matter", "brainstem", "ventral_diencephalon", "white_matter_lesion")
GREY = ("cortex", "cerebellar_cortex")


@dataclass(frozen=True)
class Ball:
    """Ragged distances around a place: `box` of the grid, and millimetres to the centre in it."""

    box: tuple[slice, ...]
    distance: np.ndarray


def draw_place(rng: np.random.Generator, anatomy: Anatomy, names: tuple[str, ...]) -> np.ndarray:
    """Draw a voxel of some classes, (3,)."""
    places = np.argwhere(members(anatomy.classes[::2, ::2, ::2], names))
    return np.asarray(2 * places[rng.integers(len(places))])


def draw_ball(
    rng: np.random.Generator, anatomy: Anatomy, centre: np.ndarray, radius: float, stretch: float, knot: float = 8.0
) -> Ball:
    """Return ragged, stretched distances around a voxel, as far as a lesion of `radius` mm may reach."""
    reach = 2.2 * radius + 4
    low = np.maximum(np.floor(centre - reach / anatomy.spacing), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach / anatomy.spacing) + 1, anatomy.classes.shape).astype(int)
    x, y, z = ((np.arange(a, b) - c) * mm for a, b, c, mm in zip(low, high, centre, anatomy.spacing, strict=True))
    ratios = np.exp(stretch * rng.uniform(-1, 1, 3))
    squares = [(axis / ratio) ** 2 for axis, ratio in zip((x, y, z), ratios, strict=True)]
    straight = np.sqrt(squares[0][:, None, None] + squares[1][:, None] + squares[2])
    noise = draw_field(rng, np.full(3, -reach - 1), np.full(3, reach + 1), knot, ROUGHNESS)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return Ball(box, (straight * np.exp(noise.on((x, y, z)))).astype(np.float32))


def permitted(anatomy: Anatomy, box: tuple[slice, ...], shares: dict[tuple[str, ...], float]) -> np.ndarray:
    """Return how much of each voxel of a box a lesion may cover; what is not named stays as it is."""
    table = np.zeros(256, dtype=np.float32)
    for names, share in shares.items():
        table[[INDEX[name] for name in names]] = share
    return np.asarray(table[anatomy.classes[box]])


def paint(tissue: str, share: np.ndarray, ball: Ball, anatomy: Anatomy) -> Stroke:
    """Return a stroke over a ball's box."""
    return stroke(tissue, share, ball.box, anatomy.classes.shape)
