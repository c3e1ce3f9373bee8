"""Where a scan's voxels lie in the head: each contrast's own grid, and how the patient lay."""

from dataclasses import dataclass

import numpy as np
from nibabel import orientations
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hifisyn.simulation.template import HIGH, LOW
from hifisyn.volume import Volume, grid

MARGIN_MM = 8.0
MOVED_DEGREES, MOVED_MM = 4.0, 5.0
POSITIONED_DEGREES, POSITIONED_MM = 6.0, 8.0
TILT_DEGREES = 8.0


@dataclass(frozen=True)
class Geometry:
    """How a contrast is acquired.

    Attributes:
        axcodes: directions of the voxel axes, as nibabel's.
        spacing: voxel size along these axes, in units of the cohort's resolution.
        lowest_mm: where the field of view ends below; axial scans leave out the neck.
    """

    axcodes: str
    spacing: tuple[float, float, float]
    lowest_mm: float = LOW[2]


GEOMETRIES = {
    "T1": Geometry("PSR", (0.94, 0.94, 1.2)),
    "T1ce": Geometry("RAS", (1.0, 1.0, 1.2)),
    "T2": Geometry("LPS", (0.94, 0.94, 1.25), lowest_mm=-105.0),
    "PD": Geometry("LPS", (0.94, 0.94, 1.25), lowest_mm=-105.0),
    "FLAIR": Geometry("LAS", (1.0, 1.0, 1.5), lowest_mm=-100.0),
}


@dataclass(frozen=True)
class Pose:
    """A rigid placement: rotations about x, y, z in degrees, then a shift in mm."""

    degrees: np.ndarray
    shift: np.ndarray

    def matrix(self) -> np.ndarray:
        """Return the (4, 4) rigid transform."""
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_euler("xyz", self.degrees, degrees=True).as_matrix()
        matrix[:3, 3] = self.shift
        return matrix


def draw_pose(rng: np.random.Generator, degrees: float, mm: float) -> Pose:
    """Draw a pose, each component uniform within its bound on both sides."""
    return Pose(rng.uniform(-degrees, degrees, 3), rng.uniform(-mm, mm, 3))


def scan_grid(geometry: Geometry, resolution: float, tilt_degrees: float) -> Volume:
    """Return the grid of a scan, in scanner mm: the head's box and a margin, tilted about the left-right axis."""
    low = np.array([LOW[0], LOW[1], geometry.lowest_mm]) - MARGIN_MM
    high = HIGH + MARGIN_MM
    spacing = np.array(geometry.spacing) * resolution
    order = orientations.axcodes2ornt(tuple(geometry.axcodes))
    axes = np.zeros((3, 3))
    axes[order[:, 0].astype(int), np.arange(3)] = order[:, 1]
    extent = np.abs(axes.T @ (high - low))
    shape = tuple(int(n) for n in np.ceil(extent / spacing))
    affine = np.eye(4)
    tilt = Rotation.from_euler("x", tilt_degrees, degrees=True).as_matrix()
    affine[:3, :3] = tilt @ axes @ np.diag(spacing)
    affine[:3, 3] = (low + high) / 2 - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return grid((shape[0], shape[1], shape[2]), affine)


def render(data: np.ndarray, affine: np.ndarray, head_to_world: np.ndarray, onto: Volume) -> np.ndarray:
    """Look at a head from a scan's grid.

    Point samples, linear between the head's voxels, so that mixing tissues before or after gives the same.

    Args:
        data: (I, J, K) on the head's grid.
        affine: (4, 4), voxel to head mm.
        head_to_world: (4, 4) rigid, head to scanner mm.
        onto: the scan's grid.

    Returns:
        float32 of the grid's shape. Outside the head's grid its edge continues: air, and the neck downwards.
    """
    index_to_index = np.linalg.inv(affine) @ np.linalg.inv(head_to_world) @ onto.affine
    sampled: np.ndarray = ndimage.affine_transform(
        data,
        index_to_index[:3, :3],
        index_to_index[:3, 3],
        output_shape=onto.shape,
        output=np.float32,
        order=1,
        mode="nearest",
    )
    return sampled
