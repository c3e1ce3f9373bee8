"""Lesions like a high-grade glioma's: necrosis in the middle, a rim that enhances, oedema around it."""

from dataclasses import dataclass

import numpy as np

from hifisyn.simulation import template
from hifisyn.simulation.fields import Field, draw_field
from hifisyn.simulation.head import inside
from hifisyn.simulation.template import BRAIN_TISSUES

LESION_TISSUES = ("oedema", "necrosis", "enhancing")

SURFACE_KNOT_MM, SURFACE_AMPLITUDE = 16.0, 1.0
GREY_MATTER_SHARE = 0.3
DEEP = 0.97


@dataclass(frozen=True)
class Lesion:
    """One lesion, in template millimetres.

    Attributes:
        centre: (3,) in the white matter.
        necrosis_mm, rim_mm, oedema_mm: radius of the necrosis, then thickness of the rim and of the oedema.
        surface: noise that makes the ball irregular, on the log of the distance.
    """

    centre: np.ndarray
    necrosis_mm: float
    rim_mm: float
    oedema_mm: float
    surface: Field


def draw_lesion(rng: np.random.Generator) -> Lesion:
    """Draw a lesion whose centre lies in the template's cerebral white matter."""
    maps = template.load_template()
    deep = np.argwhere(maps.tissues[BRAIN_TISSUES.index("WM")] > DEEP)
    points = deep @ maps.tissues_affine[:3, :3].T + maps.tissues_affine[:3, 3]
    points = points[(np.abs(points[:, 0]) > 15) & (points[:, 2] > 0)]
    return Lesion(
        centre=points[rng.integers(len(points))],
        necrosis_mm=rng.uniform(5, 9),
        rim_mm=rng.uniform(3, 5),
        oedema_mm=rng.uniform(8, 15),
        surface=draw_field(rng, template.LOW, template.HIGH, SURFACE_KNOT_MM, SURFACE_AMPLITUDE),
    )


def add_lesion(
    fractions: dict[str, np.ndarray], points: np.ndarray, noise: np.ndarray, lesion: Lesion
) -> dict[str, np.ndarray]:
    """Replace brain by lesion; what lies outside the brain stays, and every sum over tissues too.

    Args:
        fractions: tissue to (I, J, K); those of the brain are changed.
        points: (3, I, J, K) template mm of each voxel.
        noise: (I, J, K) the lesion's surface field on this grid.
        lesion: where and how large.

    Returns:
        All of `fractions` and oedema, necrosis, enhancing.
    """
    distance = np.linalg.norm(points - lesion.centre.reshape(3, 1, 1, 1), axis=0) * np.exp(noise)
    core = inside(distance - lesion.necrosis_mm)
    mass = inside(distance - lesion.necrosis_mm - lesion.rim_mm)
    halo = inside(distance - lesion.necrosis_mm - lesion.rim_mm - lesion.oedema_mm, 2.0)
    result = dict(fractions)
    tissues = np.stack([fractions[t] for t in BRAIN_TISSUES])
    brain = tissues.sum(axis=0)
    swollen = halo * np.array([0, GREY_MATTER_SHARE, 1], dtype=np.float32).reshape(3, 1, 1, 1) * tissues
    result.update(zip(BRAIN_TISSUES, (1 - mass) * (tissues - swollen), strict=True))
    result["oedema"] = (1 - mass) * swollen.sum(axis=0)
    result["enhancing"] = (mass - core) * brain
    result["necrosis"] = core * brain
    return result
