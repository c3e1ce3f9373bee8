"""Smooth random fields: cubic B-splines over a lattice of knots, the same whatever grid they are looked at on."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

# Choi and Lee (Graphical Models 62, 2000): a cubic B-spline deformation is injective while no coefficient of any of
# its axes exceeds this share of the knot distance. Shares of several lattices add up.
INJECTIVE_SHARE = 1 / 2.48


@dataclass(frozen=True)
class Field:
    """A smooth function of space.

    Attributes:
        low: (3,) lowest corner of the box where it is defined, mm.
        knot: (3,) distance of the knots along each axis, mm.
        coefficients: (..., A, B, C) lattice; leading axes are components.
    """

    low: np.ndarray
    knot: np.ndarray
    coefficients: np.ndarray

    def on(self, axes: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Evaluate on the grid that three axes span; (I,), (J,), (K,) mm -> (..., I, J, K) float32."""
        bases = [self._basis(axis, coordinates) for axis, coordinates in enumerate(axes)]
        coefficients = self.coefficients.astype(np.float32)
        field: np.ndarray = np.einsum("...abc,ia,jb,kc->...ijk", coefficients, *bases, optimize=True)
        return field

    def _basis(self, axis: int, coordinates: np.ndarray) -> np.ndarray:
        count = self.coefficients.shape[axis - 3]
        knots = self.low[axis] + self.knot[axis] * (np.arange(count + 4) - 3)
        inside = np.clip(coordinates, knots[3], knots[count])
        return np.asarray(BSpline.design_matrix(inside, knots, 3).toarray().astype(np.float32))


def draw_field(
    rng: np.random.Generator,
    low: np.ndarray,
    high: np.ndarray,
    knot_mm: float,
    amplitude: float,
    components: tuple[int, ...] = (),
) -> Field:
    """Draw a field over a box: coefficients uniform in [-amplitude, amplitude], knots about `knot_mm` apart.

    The field's standard deviation is about a fifth of the amplitude.
    """
    spans = np.maximum(1, np.round((high - low) / knot_mm)).astype(int)
    coefficients = rng.uniform(-amplitude, amplitude, (*components, *(spans + 3)))
    return Field(np.asarray(low, dtype=float), (high - low) / spans, coefficients)
