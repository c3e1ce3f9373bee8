"""What grows or swells: gliomas with oedema and core, strokes of three ages, and whether they push tissue away.

Half of the gliomas push, and large recent strokes do, which swell; old ones and lacunes do not. Of 114 glioblastomas 85
came with a shifted midline (Gamburg et al., International Journal of Radiation Oncology Biology Physics 48, 2000); here
there are smaller and less malignant ones too. Sizes and shares of the push are chosen.
"""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation.head import inside
from hifisyn.simulation.label_maps import Anatomy
from hifisyn.simulation.lesion_shapes import DEEP, GREY, WHITE, draw_ball, draw_place, paint, permitted
from hifisyn.simulation.mass_effect import Mass
from hifisyn.simulation.strokes import Stroke

GLIOMA, INFARCT = 0.6, 0.15
GLIOMA_MM, CORE_SHARE = (8.0, 34.0), (0.35, 0.8)
INFARCT_MM, LACUNE_MM = (6.0, 32.0), (2.0, 7.0)
LACUNES, OLD = 0.4, 0.4
PUSHING, PUSH = 0.5, (0.25, 0.7)
SWOLLEN_MM, SWELLING = 18.0, (0.05, 0.25)


@dataclass(frozen=True)
class Growth:
    """One lesion that takes room.

    Attributes:
        kind: "glioma", "infarct" or "old infarct", whose middle is a cavity.
        mass: where it is, how large, and how it pushes.
    """

    kind: str
    mass: Mass


def draw_growths(rng: np.random.Generator, anatomy: Anatomy) -> list[Growth]:
    """Draw which growths a head has, from below to above where they overlap."""
    growths = []
    if rng.random() < INFARCT:
        growths.append(draw_infarct(rng, anatomy))
    if rng.random() < GLIOMA:
        growths.append(draw_glioma(rng, anatomy))
    return growths


def draw_glioma(rng: np.random.Generator, anatomy: Anatomy) -> Growth:
    """Draw a tumour in white matter."""
    centre = draw_place(rng, anatomy, ("white_matter",))
    radius = float(rng.uniform(*GLIOMA_MM))
    return Growth("glioma", Mass(centre, radius, float(rng.uniform(*PUSH)) if rng.random() < PUSHING else 0.0))


def draw_infarct(rng: np.random.Generator, anatomy: Anatomy) -> Growth:
    """Draw a stroke of the cortex and what is below it, or a lacune."""
    lacune = rng.random() < LACUNES
    centre = draw_place(rng, anatomy, (*DEEP, "white_matter") if lacune else ("cortex",))
    radius = float(rng.uniform(*LACUNE_MM if lacune else INFARCT_MM))
    if rng.random() < OLD:
        return Growth("old infarct", Mass(centre, radius))
    return Growth("infarct", Mass(centre, radius, float(rng.uniform(*SWELLING)) if radius > SWOLLEN_MM else 0.0))


def grown(rng: np.random.Generator, anatomy: Anatomy, growth: Growth) -> list[Stroke]:
    """Return what a growth covers of the head that it has pushed already."""
    return glioma(rng, anatomy, growth.mass) if growth.kind == "glioma" else infarct(rng, anatomy, growth)


def glioma(rng: np.random.Generator, anatomy: Anatomy, mass: Mass) -> list[Stroke]:
    """Return a tumour: oedema or infiltration, a solid part, and in half of them an enhancing rim around necrosis."""
    radius = mass.radius_mm
    ball = draw_ball(rng, anatomy, mass.centre, radius, stretch=0.25, knot=max(8.0, radius / 1.6))
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


def infarct(rng: np.random.Generator, anatomy: Anatomy, growth: Growth) -> list[Stroke]:
    """Return a stroke: recent, or old with a cavity in a scar."""
    radius = growth.mass.radius_mm
    ball = draw_ball(rng, anatomy, growth.mass.centre, radius, stretch=0.4, knot=max(6.0, radius / 1.6))
    allowed = permitted(anatomy, ball.box, {WHITE: 1.0, DEEP: 1.0, GREY: 1.0})
    share = inside(ball.distance - radius, 1.2) * allowed
    strokes = [paint("infarct", rng.uniform(0.4, 1) * share, ball, anatomy)]
    if growth.kind == "old infarct":
        cavity = inside(ball.distance - radius * rng.uniform(0.4, 0.85), 1.0) * allowed
        strokes.append(paint("cavity", cavity, ball, anatomy))
    return strokes
