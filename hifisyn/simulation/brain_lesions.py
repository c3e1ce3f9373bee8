"""Lesions of a head: white-matter spots and caps, and the growths among them.

Shapes and sizes are drawn wide on purpose; they are no statistics of a disease. Lesions that a map holds are kept in
half of the heads, so that there are healthy ones.
"""

from dataclasses import replace

import numpy as np

from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.growths import Growth, grown
from hifisyn.simulation.head import inside
from hifisyn.simulation.label_maps import INDEX, Anatomy
from hifisyn.simulation.lesion_shapes import DEEP, GREY, WHITE, draw_ball, paint, permitted
from hifisyn.simulation.strokes import Stroke, stroke, whole

KEPT, SPOTTED, CAPPED = 0.5, 0.45, 0.3
SPOT_MM, SPOTS = (1.2, 6.0), (1, 30)


def draw_lesions(rng: np.random.Generator, anatomy: Anatomy, growths: list[Growth]) -> list[Stroke]:
    """Draw which spots a head has besides its growths, and what all of them cover; growths lie above spots."""
    strokes: list[Stroke] = []
    if rng.random() < SPOTTED:
        strokes += spots(rng, anatomy)
    if rng.random() < CAPPED:
        strokes.append(caps(rng, anatomy))
    for growth in growths:
        strokes += grown(rng, anatomy, growth)
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
    return stroke("white_matter_lesion", share, whole(anatomy.classes.shape), anatomy.classes.shape)
