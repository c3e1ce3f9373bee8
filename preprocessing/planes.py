"""The plane that a scan was acquired in, and the grid of slices in it that a network is to see."""

from enum import StrEnum

import numpy as np

from hifisyn.volume import Volume

THICKER = 1.5 - 1e-4  # as thick as both others an axis must be to leave no doubt; affines are rounded
PIXEL_MM = (1.0, 2.5)
LEAST_SLICE_MM = 1.0
MARGIN = 4  # pixels around the brain
MULTIPLE = 8


class Plane(StrEnum):
    """How slices lie in a head."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"

    @property
    def axcodes(self) -> str:
        """Where columns, rows and slices go: to the left, the back and up in axial ones."""
        return {Plane.AXIAL: "LPS", Plane.CORONAL: "LIP", Plane.SAGITTAL: "PIL"}[self]


def plane_of(scan: Volume) -> Plane:
    """Return the plane across the axis that is 1.5 times as thick as each other, else axial.

    >>> plane_of(Volume(np.zeros((4, 4, 4)), np.diag([1.0, 5.0, 1.2, 1.0])))
    <Plane.CORONAL: 'coronal'>
    >>> plane_of(Volume(np.zeros((4, 4, 4)), np.diag([1.2, 1.0, 1.0, 1.0])))
    <Plane.AXIAL: 'axial'>
    """
    right, front, up = scan.reoriented("RAS").spacing
    if right >= THICKER * max(front, up):
        return Plane.SAGITTAL
    return Plane.CORONAL if front >= THICKER * max(right, up) else Plane.AXIAL


def plane_grid(brain: Volume, plane: Plane) -> Volume:
    """Return the empty grid of slices that holds a brain: square pixels, sides a multiple of 8, axes as the plane has.

    Pixels are as wide as the scan's, within 1 to 2.5 mm. Slices are the scan's own, so that nothing is interpolated
    across them; where these are thinner than 1 mm, they are 1 mm apart.

    Args:
        brain: mask on the scan's grid, any orientation and obliqueness.
        plane: of the slices.

    Raises:
        ValueError: the mask is empty.
    """
    mask = brain.reoriented(plane.axcodes)
    box = np.argwhere(mask.data > 0)
    if not box.size:
        raise ValueError("the brain mask is empty")
    spacing, first, last = np.array(mask.spacing), box.min(axis=0), box.max(axis=0)
    steps = spacing.copy()
    steps[:2] = np.clip(np.sqrt(spacing[0] * spacing[1]), *PIXEL_MM)
    steps[2] = max(spacing[2], LEAST_SLICE_MM)
    counts = np.ceil((last - first + 1) * spacing / steps - 1e-3).astype(int)
    counts[:2] = -(-(counts[:2] + 2 * MARGIN) // MULTIPLE) * MULTIPLE
    affine = mask.affine.copy()
    affine[:3, :3] *= steps / spacing
    middle = mask.affine[:3, :3] @ ((first + last) / 2) + mask.affine[:3, 3]
    affine[:3, 3] = middle - affine[:3, :3] @ ((counts - 1) / 2)
    return Volume(np.zeros(counts, dtype=bool), affine)
