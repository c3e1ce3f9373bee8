"""Rigid transforms of world millimetres, (4, 4), and where scans have their middle."""

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from hifisyn.volume import Volume


def translation(shift: np.ndarray) -> np.ndarray:
    """Return the transform that moves by `shift`, (3,) mm."""
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return matrix


def rotation(degrees: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Return the rotation by Euler angles about x, y and z, (3,) degrees, about a point, (3,) mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    turned: np.ndarray = translation(about) @ matrix @ translation(-about)
    return turned


def place(moving: Volume, moving_to_fixed: np.ndarray) -> Volume:
    """Return the moving volume with the transform in its affine; no value changes."""
    return Volume(moving.data, moving_to_fixed @ moving.affine, moving.header)


def centre_of_mass(volume: Volume) -> np.ndarray:
    """Return where the intensities above the lowest have their centre, (3,) mm."""
    index = ndimage.center_of_mass(volume.data.astype(np.float64) - volume.data.min())
    centre: np.ndarray = (volume.affine @ [*index, 1.0])[:3]
    return centre


def centre_of_view(volume: Volume) -> np.ndarray:
    """Return the centre of the field of view, (3,) mm."""
    centre: np.ndarray = (volume.affine @ [*((n - 1) / 2 for n in volume.shape), 1.0])[:3]
    return centre


def displacement(a: np.ndarray, b: np.ndarray, points: np.ndarray) -> float:
    """Return the mean distance in mm between where two transforms take points, (4, N) homogeneous."""
    return float(np.linalg.norm(((a - b) @ points)[:3], axis=0).mean())
