"""A head by formula: its tissue at any point in space, so that it can be scanned on any grid without resampling."""

import numpy as np

from hifisyn.volume import Volume

BRAIN_RADII = np.array([55.0, 68.0, 50.0])
CSF, GM, WM, SKULL, SCALP = 1, 2, 3, 4, 5
CONTRASTS = {
    "T1": {CSF: 30, GM: 70, WM: 100, SKULL: 8, SCALP: 120},
    "T2": {CSF: 200, GM: 95, WM: 70, SKULL: 8, SCALP: 90},
    "FLAIR": {CSF: 20, GM: 110, WM: 85, SKULL: 8, SCALP: 95},
}


def tissue_at(points):
    """Return the tissue at points (..., 3) in mm, the middle of the brain at the origin."""
    radius = np.sqrt(((points / BRAIN_RADII) ** 2).sum(axis=-1))
    x, y, z = np.moveaxis(points, -1, 0)
    folds = np.cos(x / 9 + 0.7) * np.cos(y / 11 + 0.2) * np.cos(z / 10) + 0.5 * np.cos((x + 2 * y - z) / 17 + 1)
    depth = 1 - radius + 0.12 * folds
    tissue = np.select([depth > 0.25, depth > 0.04], [WM, GM], CSF)
    ventricle = (((points - [9, -4, 6]) / [7, 20, 9]) ** 2).sum(axis=-1) < 1
    tissue = np.where(ventricle, CSF, tissue)
    return np.select([radius <= 1, radius <= 1.1, radius <= 1.22], [tissue, SKULL, SCALP], 0)


def scan(shape, affine, contrast="T1", *, pose=None, noise=0.0, stripped=False, landmark=None, seed=0):
    """Scan the head: a Volume with the affine and its brain mask.

    pose: (4, 4) head to world; landmark: (3,) mm in the head, a bright ball of 5 mm.
    """
    pose = np.eye(4) if pose is None else pose
    offsets = (np.arange(2) + 0.5) / 2 - 0.5
    data, fractions = np.zeros(shape), np.zeros(shape)
    inverse = np.linalg.inv(pose) @ affine
    for offset in np.array(np.meshgrid(offsets, offsets, offsets)).reshape(3, -1).T:
        index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1) + offset
        points = index @ inverse[:3, :3].T + inverse[:3, 3]
        tissue = tissue_at(points)
        brain = (tissue >= CSF) & (tissue <= WM)
        signal = np.zeros(shape)
        for value, brightness in CONTRASTS[contrast].items():
            signal[tissue == value] = brightness
        if landmark is not None:
            signal[((points - landmark) ** 2).sum(axis=-1) < 25] = 400
        data += np.where(brain, signal, 0) if stripped else signal
        fractions += brain
    data, brain = data / 8, fractions >= 4
    noisy = np.abs(data + np.random.default_rng(seed).normal(0, noise, shape)) if noise else data
    if stripped:
        noisy = np.where(brain, np.maximum(noisy, 1), 0)
    return Volume(noisy.astype(np.float32), affine), Volume(brain.astype(np.uint8), affine)


def truth(volume, pose=None):
    """Return the tissue labels at the voxel centres, 0 outside the brain."""
    pose = np.eye(4) if pose is None else pose
    index = np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), axis=-1)
    inverse = np.linalg.inv(pose) @ volume.affine
    tissue = tissue_at(index @ inverse[:3, :3].T + inverse[:3, 3])
    return np.where(tissue <= WM, tissue, 0).astype(np.uint8)


def rigid(degrees, shift):
    """Return the (4, 4) rotation about x, y and z followed by a shift in mm."""
    a, b, c = np.radians(degrees)
    turn_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn_z @ turn_y @ turn_x
    matrix[:3, 3] = shift
    return matrix


def grid(shape, spacing, *, axes="RAS", degrees=(0, 0, 0), middle=(0, 0, 0)) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of an oblique grid around `middle`, its axes pointing closest to `axes`."""
    letters = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    turn = rigid(degrees, (0, 0, 0))[:3, :3]
    affine = np.eye(4)
    for column, letter in enumerate(axes):
        world, sign = letters[letter]
        affine[:3, column] = turn[:, world] * sign * spacing[column]
    affine[:3, 3] = np.array(middle) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return shape, affine
