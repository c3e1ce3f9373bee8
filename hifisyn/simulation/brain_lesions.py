"""Lesions on label maps: white-matter spots and caps, gliomas with oedema and core, strokes of three ages.

Shapes and sizes are drawn wide on purpose; they are no statistics of a disease. Lesions that a map holds are kept in
half of the heads, so that there are healthy ones.
"""

from dataclasses import dataclass, replace

import numpy as np

from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.head import inside
from hifisyn.simulation.label_maps import INDEX, Anatomy, members
from hifisyn.simulation.strokes import Stroke, stroke

KEPT, SPOTTED, CAPPED, GLIOMA, INFARCT = 0.5, 0.45, 0.3, 0.4, 0.15
SPOT_MM, SPOTS = (1.2, 6.0), (1, 30)
GLIOMA_MM, CORE_SHARE = (8.0, 34.0), (0.35, 0.8)
INFARCT_MM = (6.0, 32.0)
ROUGHNESS = 1.2
DEEP = ("thalamus", "caudate", "putamen", "pallidum", "accumbens", "hippocampus")
WHITE = ("white_matter", "cerebellar_white_matter", "brainstem", "ventral_diencephalon", "white_matter_lesion")
GREY = ("cortex", "cerebellar_cortex")


@dataclass(frozen=True)
class Ball:
    """Ragged distances around a place: `box` of the grid, and millimetres to the centre in it."""

    box: tuple[slice, ...]
    distance: np.ndarray


def draw_lesions(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Draw which lesions a head has, and what they cover."""
    strokes: list[Stroke] = []
    if rng.random() < SPOTTED:
        strokes += spots(rng, anatomy)
    if rng.random() < CAPPED:
        strokes.append(caps(rng, anatomy))
    if rng.random() < INFARCT:
        strokes += infarct(rng, anatomy)
    if rng.random() < GLIOMA:
        strokes += glioma(rng, anatomy)
    return strokes


def without_lesions(anatomy: Anatomy) -> Anatomy:
    """Return the head with white matter where its map has lesions."""
    classes = anatomy.classes.copy()
    classes[classes == INDEX["white_matter_lesion"]] = INDEX["white_matter"]
    return replace(anatomy, classes=classes)


def spots(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Return some spots, more often near the ventricles."""
    places = np.argwhere(anatomy.classes[::2, ::2, ::2] == INDEX["white_matter"])
    near = np.exp(-anatomy.to_ventricle[tuple(places.T)] / 12) + 0.15
    count = int(np.exp(rng.uniform(*np.log(SPOTS))))
    chosen = places[rng.choice(len(places), count, p=near / near.sum())] * 2
    low, high = np.log(SPOT_MM)
    strokes = []
    for centre in chosen:
        radius = float(np.exp(rng.uniform(low, low + rng.random() * (high - low))))
        ball = draw_ball(rng, anatomy, centre, radius, stretch=0.35)
        allowed = permitted(anatomy, ball.box, {WHITE: 1.0, DEEP: 0.7, GREY: 0.1})
        strokes.append(
            paint(
                "white_matter_lesion",
                rng.uniform(0.5, 1) * inside(ball.distance - radius, 0.7) * allowed,
                ball,
                anatomy,
            )
        )
    return strokes


def caps(rng: np.random.Generator, anatomy: Anatomy) -> Stroke:
    """Return a rim around the ventricles, as wide as a field says."""
    shape, step = anatomy.to_ventricle.shape, 2 * anatomy.spacing
    extent = (np.array(shape) - 1) * step
    field = draw_field(rng, np.zeros(3), extent, 22.0, 1.0)
    x, y, z = (np.arange(n) * mm for n, mm in zip(shape, step, strict=True))
    width = rng.uniform(0.5, 5.0) + 12 * rng.random() * field.on((x, y, z))
    coarse = inside(anatomy.to_ventricle - width, 1.5) * (anatomy.to_ventricle < 25)
    share = np.repeat(np.repeat(np.repeat(coarse, 2, 0), 2, 1), 2, 2)
    share = share[tuple(slice(0, n) for n in anatomy.classes.shape)]
    share = rng.uniform(0.3, 0.9) * share * (anatomy.classes == INDEX["white_matter"])
    box = tuple(slice(0, n) for n in anatomy.classes.shape)
    return stroke("white_matter_lesion", share, box, anatomy.classes.shape)


def glioma(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Return a tumour: oedema or infiltration, a solid part, and in half of them an enhancing rim around necrosis."""
    centre = draw_place(rng, anatomy, ("white_matter",))
    radius = float(rng.uniform(*GLIOMA_MM))
    ball = draw_ball(rng, anatomy, centre, radius, stretch=0.25, knot=max(8.0, radius / 1.6))
    spread = permitted(anatomy, ball.box, {WHITE: 1.0, DEEP: 0.6, GREY: float(rng.uniform(0.15, 0.6))})
    body = permitted(anatomy, ball.box, {WHITE: 1.0, DEEP: 1.0, GREY: 1.0})
    strokes = [
        paint("oedema", rng.uniform(0.7, 1) * inside(ball.distance - radius, rng.uniform(1, 4)) * spread, ball, anatomy)
    ]
    core = radius * rng.uniform(*CORE_SHARE)
    if rng.random() < 0.8:
        strokes.append(
            paint("solid_tumour", rng.uniform(0.6, 1) * inside(ball.distance - core, 1.5) * body, ball, anatomy)
        )
    if rng.random() < 0.5:
        rim, hole = core * rng.uniform(0.5, 0.95), core * rng.uniform(0.1, 0.75)
        strokes.append(paint("enhancing", inside(ball.distance - rim, 1.0) * body, ball, anatomy))
        if hole > 1.5:
            strokes.append(paint("necrosis", inside(ball.distance - min(hole, rim - 1.5), 1.0) * body, ball, anatomy))
    return strokes


def infarct(rng: np.random.Generator, anatomy: Anatomy) -> list[Stroke]:
    """Return a stroke of the cortex and what is below it, or a lacune: recent, or old with a cavity in a scar."""
    lacune = rng.random() < 0.4
    centre = draw_place(rng, anatomy, (*DEEP, "white_matter") if lacune else ("cortex",))
    radius = float(rng.uniform(2, 7)) if lacune else float(rng.uniform(*INFARCT_MM))
    ball = draw_ball(rng, anatomy, centre, radius, stretch=0.4, knot=max(6.0, radius / 1.6))
    allowed = permitted(anatomy, ball.box, {WHITE: 1.0, DEEP: 1.0, GREY: 1.0})
    share = inside(ball.distance - radius, 1.2) * allowed
    strokes = [paint("infarct", rng.uniform(0.4, 1) * share, ball, anatomy)]
    if rng.random() < 0.4:
        cavity = inside(ball.distance - radius * rng.uniform(0.4, 0.85), 1.0) * allowed
        strokes.append(paint("cavity", cavity, ball, anatomy))
    return strokes


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
