import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from hifisyn.preprocessing.register import mutual_information, place, register
from hifisyn.volume import Volume
from tests.support.heads import BRAIN_RADII, grid, rigid, scan

FIXED = grid((58, 70, 44), (3, 3, 3.5), axes="LPS", degrees=(4, -6, 3), middle=(30, -20, 10))
HOME = rigid((0, 0, 0), (30, -20, 10))
MOVED = [
    ("T2", rigid((6, -4, 8), (38, -13, 4)), grid((70, 58, 50), (3, 3, 3), axes="AIR", middle=(36, -14, 6))),
    ("FLAIR", rigid((-12, 10, 25), (-50, 60, 70)), grid((64, 72, 40), (2.7, 2.8, 4), middle=(-46, 58, 75))),
]


def brain_points():
    """Points of the brain in the head's own mm."""
    sphere = np.random.default_rng(0).normal(size=(200, 3))
    points = sphere / np.linalg.norm(sphere, axis=1, keepdims=True) * BRAIN_RADII
    return np.c_[points, np.ones(200)].T


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "pose", "geometry"), MOVED)
def test_a_known_pose_is_found_on_oblique_and_permuted_grids(contrast, pose, geometry):
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    shape, affine = geometry
    moving, _ = scan(shape, affine, contrast, pose=pose, noise=4, seed=1)
    found = register(fixed, moving, brain)
    points = brain_points()
    error = np.linalg.norm((found.moving_to_fixed @ pose @ points - HOME @ points)[:3], axis=0)
    assert error.mean() < 0.5, error.mean()
    assert error.max() < 1.0
    assert found.after > found.before + 0.1
    turn = found.moving_to_fixed[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-4)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_what_is_aligned_stays_and_the_same_seed_gives_the_same():
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    moving, _ = scan(*FIXED, "T2", pose=rigid((1, 0, -1), (31, -20, 10)), noise=3, seed=1)
    moving = place(moving, HOME @ np.linalg.inv(rigid((1, 0, -1), (31, -20, 10))))
    found = register(fixed, moving, brain)
    shift = (found.moving_to_fixed @ HOME @ brain_points() - HOME @ brain_points())[:3]
    assert np.linalg.norm(shift, axis=0).max() < 0.5
    assert found.after >= found.before
    again = register(fixed, moving, brain)
    np.testing.assert_allclose(found.moving_to_fixed, again.moving_to_fixed, atol=1e-5)


def test_placing_moves_the_world_and_no_value():
    volume, _ = scan(*grid((8, 9, 10), (20, 20, 20)))
    pose = rigid((10, 20, 30), (1, 2, 3))
    moved = place(volume, pose)
    assert moved.data is volume.data
    np.testing.assert_allclose(moved.affine @ [2, 3, 4, 1], pose @ volume.affine @ [2, 3, 4, 1])


def test_mutual_information_of_gaussians_is_the_closed_form():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400_000))
    for correlation in (0.0, 0.6, 0.9):
        mixed = correlation * a + np.sqrt(1 - correlation**2) * b
        exact = -0.5 * np.log(1 - correlation**2)
        assert mutual_information(a, mixed) == pytest.approx(exact, abs=0.03)


def test_mutual_information_does_not_mind_contrast_but_displacement():
    image = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(30, 30, 30)), 2)
    inverted = np.exp(-5 * image)
    same, shifted = (mutual_information(image.ravel(), x.ravel()) for x in (inverted, np.roll(inverted, 3, axis=0)))
    assert same > 2 * shifted


@pytest.mark.slow
@pytest.mark.real_data
def test_a_real_scan_comes_back_from_where_it_was_moved():
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA names no folder of real scans")
    t1, flair = (Volume.load(Path(root) / f"ms_raw/patient04/study1_{m}.nii.gz") for m in ("T1W", "FLAIR"))
    middle = (t1.affine @ [127.5, 127.5, 30, 1])[:3]
    index = np.stack(np.meshgrid(*[np.arange(n) for n in t1.shape], indexing="ij"), axis=-1)
    from_middle = index @ t1.affine[:3, :3].T + t1.affine[:3, 3] - middle
    brain = t1.with_data((((from_middle / (BRAIN_RADII + 8)) ** 2).sum(axis=-1) < 1).astype(np.uint8))
    away = rigid((-12, 10, 20), (40, -30, 25))
    at_home, moved = (register(t1, f, brain) for f in (flair, place(flair, away)))
    points = brain_points() + np.append(middle, 0)[:, None]
    error = np.linalg.norm(((moved.moving_to_fixed @ away - at_home.moving_to_fixed) @ points)[:3], axis=0)
    assert error.max() < 0.7
    assert moved.after > 0.95 * at_home.after > moved.before
