"""Brain masks as tools make them: cut at the cortex or millimetres outside it, with frayed edges, skull and holes."""

import numpy as np

from hifisyn.largest_piece import largest_piece
from hifisyn.simulation.fields import draw_field
from hifisyn.simulation.slice_geometry import SliceGeometry
from hifisyn.simulation.slice_sampling import Slices

# Signed mm from the closed brain; along sulci (TIGHT of the masks), mm from tissue.
CLOSED_MM, OPEN_MM = (-1.5, 6.0), (0.3, 2.5)
TIGHT, FRAYED = 0.35, 0.2
FRAY_KNOT_MM, FRAY_MM, FRAYED_MM = 20.0, (0.0, 3.0), (6.0, 20.0)
DEEPEST_MM, OUTERMOST_MM = -6.0, 9.0


def draw_mask(rng: np.random.Generator, slices: Slices, geometry: SliceGeometry) -> np.ndarray:
    """Draw the mask of a stack, (S, H, W) bool; one piece, but for holes."""
    if rng.random() < TIGHT:
        along = rng.uniform(0.5, 1.0)
        limit = rng.uniform(*OPEN_MM)
    else:
        along, limit = 0.0, CLOSED_MM[0] + (CLOSED_MM[1] - CLOSED_MM[0]) * rng.beta(1.2, 2.2)
    fray = rng.uniform(*FRAYED_MM if rng.random() < FRAYED else FRAY_MM)
    edge = np.clip(fray * _fray(rng, geometry), DEEPEST_MM, OUTERMOST_MM)
    level = along * slices.to_tissue + (1 - along) * slices.to_hull
    return largest_piece(level < limit + edge)


def _fray(rng: np.random.Generator, geometry: SliceGeometry) -> np.ndarray:
    """Return smooth noise on the stack, standard deviation about a fifth, (S, H, W)."""
    axes = geometry.centres()
    low, high = (np.array([a[end] for a in axes]) for end in (0, -1))
    return draw_field(rng, low - 1e-3, high + 1e-3, FRAY_KNOT_MM, 1.0).on(axes)
