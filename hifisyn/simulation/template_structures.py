"""Where the deep grey matter, the brainstem, the cerebellum and the ventricles lie in the template, by simple shapes.

Read off the packaged ICBM 2009a symmetric T1 average, in its millimetres, to some 3 mm: chains of balls along a line,
flattened sideways where a nucleus is, and a bent sheet for the tentorium. Within a shape the tissue maps decide what is
fluid and, for nuclei that border on white matter, what is grey. Shapes of a fallback; no atlas.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hifisyn.simulation.label_maps import INDEX, members

# The box that holds all of them, mm.
LOW, HIGH = np.array([-66.0, -106.0, -82.0]), np.array([66.0, 36.0, 36.0])
GREY_SHARE = 0.35


@dataclass(frozen=True)
class Chain:
    """Balls along a line, and what lies between two of them; both sides of the midline where x is not 0.

    Attributes:
        balls: (B, 4), centre and radius, mm.
        flat: how much narrower than deep and high the balls are.
    """

    balls: tuple[tuple[float, float, float, float], ...]
    flat: float = 1.0

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Return which points lie inside; (3, P) mm -> (P,) bool."""
        balls = np.array(self.balls, dtype=np.float32)
        x = np.abs(points[0]) if balls[:, 0].any() else points[0]
        places = np.stack([x, points[1], points[2]], axis=1)
        reach = balls[:, 3].max()
        near = ((places > balls[:, :3].min(axis=0) - reach) & (places < balls[:, :3].max(axis=0) + reach)).all(axis=1)
        inside = np.zeros(len(places), dtype=bool)
        inside[near] = self._inside(places[near], balls)
        return inside

    def _inside(self, places: np.ndarray, balls: np.ndarray) -> np.ndarray:
        widths = np.array([self.flat, 1, 1], dtype=np.float32)
        found = np.zeros(len(places), dtype=bool)
        for first, second in pairwise(balls):
            along = (second - first)[:3] * widths
            start = (places - first[:3]) * widths
            part = np.clip(start @ along / (along @ along), 0, 1)
            distance = np.linalg.norm(start - part[:, None] * along, axis=1)
            found |= distance < first[3] + part * (second[3] - first[3])
        return found


BRAINSTEM = Chain(
    (
        (0, -28, -5, 11),
        (0, -26, -13, 13.5),
        (0, -25, -29, 15.5),
        (0, -30, -38, 14.5),
        (0, -41, -52, 10),
        (0, -46, -64, 8.5),
        (0, -50, -78, 8),
    )
)
# In this order, the later over the earlier; `GREY_NUCLEI` only where the template is grey enough.
NUCLEI = {
    "ventral_diencephalon": Chain(((7, -10, -7, 7), (11, -18, -6, 7))),
    "thalamus": Chain(((8, -9, 6, 8), (11, -18, 8, 10), (16, -26, 5, 8.5))),
    "hippocampus": Chain(
        ((22, -3, -21, 8), (24, -10, -21, 7), (28, -21, -15, 6), (29, -30, -8, 5.5), (24, -38, -2, 4.5))
    ),
    "caudate": Chain(
        ((10, 15, -3, 6), (13, 17, 7, 7.5), (14, 7, 14, 6.5), (15, -3, 19, 5), (17, -12, 22, 4), (20, -22, 22, 3.5))
    ),
    "putamen": Chain(((22, 13, 0, 10), (26, 2, 1, 12.5), (30, -12, 3, 9)), flat=1.9),
    "accumbens": Chain(((9, 11, -7, 5), (10, 14, -7, 5))),
    "pallidum": Chain(((17, 2, -1, 5.5), (20, -5, -1, 7.5), (23, -10, 0, 5)), flat=1.5),
}
GREY_NUCLEI = ("hippocampus", "caudate", "putamen", "accumbens")
VENTRICLES = (
    Chain(((7, 30, 2, 9), (9, 18, 10, 11), (11, 3, 18, 11), (15, -16, 22, 12), (24, -38, 14, 13), (29, -46, 8, 11))),
    Chain(((32, -38, 2, 8), (34, -20, -15, 5))),
    Chain(((0, -2, 0, 7), (0, -16, 2, 6), (0, -30, -6, 4), (0, -40, -28, 9), (0, -44, -36, 9))),
)


def with_structures(classes: np.ndarray, points: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Return classes of places in the template with its structures by their names.

    Args:
        classes: (P,) uint8, fluid, cortex and white matter; all else stays.
        points: (3, P) template mm.
        grey: (P,) the template's share of grey matter.
    """
    result = classes.copy()
    tissue = members(classes, ("cortex", "white_matter"))
    below = tissue & cerebellar(points)
    result[below & (classes == INDEX["cortex"])] = INDEX["cerebellar_cortex"]
    result[below & (classes == INDEX["white_matter"])] = INDEX["cerebellar_white_matter"]
    result[tissue & BRAINSTEM.holds(points)] = INDEX["brainstem"]
    for name, chain in NUCLEI.items():
        where = tissue & chain.holds(points)
        if name in GREY_NUCLEI:
            where &= grey > GREY_SHARE
        result[where] = INDEX[name]
    for chain in VENTRICLES:
        result[(classes == INDEX["fluid"]) & chain.holds(points)] = INDEX["ventricle"]
    return result


def cerebellar(points: np.ndarray) -> np.ndarray:
    """Return which points lie below the tentorium and behind the petrous bone; (3, P) mm -> (P,) bool.

    >>> cerebellar(np.array([[0.0, -60, -20], [0, -60, 10], [40, -60, -40], [40, -30, -40]]).T)
    array([ True, False,  True, False])
    """
    x, y, z = np.abs(points[0]), points[1], points[2]
    tent = 3 - 0.72 * x + 0.0042 * x * x
    backwards = np.clip((-55 - y) / 30, 0, 1)
    tentorium = tent + backwards * (-20 - 0.05 * x - tent)
    return np.asarray((z < tentorium) & (y < -34 - 0.3 * np.maximum(x - 20, 0)))
