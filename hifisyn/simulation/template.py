"""The head that every phantom is a deformation of: the ICBM152 brain, and a made-up skull, scalp, face and neck.

Brain: grey- and white-matter maps of the ICBM 2009a nonlinear symmetric template (Fonov et al., NeuroImage 54, 2011),
as packaged with nilearn; cerebrospinal fluid is the rest of the brain mask. All around it is geometry, drawn so that
skull-stripping tools see the layers they were trained on; it is no anatomical reference.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

BRAIN_TISSUES = ("CSF", "GM", "WM")
OUTER_TISSUES = ("fluid", "nerve", "muscle", "fat")

# The box of the head in template (MNI) millimetres: left to right, back to front, neck to vertex.
LOW, HIGH = np.array([-100.0, -140.0, -136.0]), np.array([100.0, 116.0, 122.0])

CLOSING_MM = 14.0
DISTANCE_STEP_MM = 3.0
EDGE_MM = 1.0


@dataclass(frozen=True)
class Template:
    """Maps on the template's own grids.

    Attributes:
        tissues: (3, I, J, K) float32, fractions of CSF, GM, WM; they sum to 1 in the brain and to 0 outside.
        tissues_affine: (4, 4), voxel to template mm.
        to_brain, to_hull: (I', J', K') float32, signed mm to the surface of the brain and of its closing; inside < 0.
        distance_affine: (4, 4), voxel to template mm.
    """

    tissues: np.ndarray
    tissues_affine: np.ndarray
    to_brain: np.ndarray
    to_hull: np.ndarray
    distance_affine: np.ndarray


@cache
def load_template() -> Template:
    """Read the packaged maps (no download) and measure the distances to the brain's surface."""
    from nilearn import datasets

    grey = datasets.load_mni152_gm_template(resolution=1)
    white = datasets.load_mni152_wm_template(resolution=1)
    mask = datasets.load_mni152_brain_mask(resolution=1)
    brain = ndimage.binary_fill_holes(np.asarray(mask.dataobj) > 0)
    grey, white = (np.where(brain, np.asarray(m.dataobj), 0).astype(np.float32) for m in (grey, white))
    tissues = np.stack([brain - np.clip(grey + white, 0, 1), grey, white]).astype(np.float32)
    to_brain, to_hull, distance_affine = _distances(brain, mask.affine)
    return Template(tissues, mask.affine, to_brain, to_hull, distance_affine)


def _distances(brain: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    axes = box_axes(DISTANCE_STEP_MM)
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    inside = sample(brain.astype(np.float32), affine, points) > 0.5
    grown = ndimage.distance_transform_edt(~inside, sampling=DISTANCE_STEP_MM) < CLOSING_MM
    hull = ndimage.distance_transform_edt(grown, sampling=DISTANCE_STEP_MM) > CLOSING_MM
    return signed_distance(inside), signed_distance(hull | inside), box_affine(DISTANCE_STEP_MM)


def signed_distance(inside: np.ndarray) -> np.ndarray:
    """Return millimetres to the surface of a mask on the distance grid, negative inside, lightly smoothed."""
    outer = ndimage.distance_transform_edt(~inside, sampling=DISTANCE_STEP_MM)
    inner = ndimage.distance_transform_edt(inside, sampling=DISTANCE_STEP_MM)
    return np.asarray(ndimage.gaussian_filter(outer - inner, 0.7).astype(np.float32))


def box_axes(step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the voxel centres, mm, along each axis of a grid with that step over the head's box."""
    x, y, z = (np.arange(low, high + 1e-6, step) for low, high in zip(LOW, HIGH, strict=True))
    return x, y, z


def box_affine(step: float) -> np.ndarray:
    """Return the affine of the grid that `box_axes` spans."""
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = LOW
    return affine


def sample(data: np.ndarray, affine: np.ndarray, points: np.ndarray, *, outside: str = "constant") -> np.ndarray:
    """Interpolate (I, J, K) linearly at (3, ...) points in mm; outside its grid 0, or "nearest" continues the edge."""
    inverse = np.linalg.inv(affine)
    index = np.tensordot(inverse[:3, :3], points, axes=1) + inverse[:3, 3].reshape(3, *[1] * (points.ndim - 1))
    return np.asarray(ndimage.map_coordinates(data, index, order=1, mode=outside, output=np.float32))
