import os
from pathlib import Path

import numpy as np
import pytest

from hifisyn.preprocessing.register import register
from hifisyn.preprocessing.registration_checks import Verdict
from hifisyn.preprocessing.rigid import place
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
    assert found.checks.nmi_after > found.checks.nmi_before + 0.01
    assert found.checks.verdict is Verdict.TRUSTED
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
    assert found.checks.nmi_after >= found.checks.nmi_before - 1e-3
    again = register(fixed, moving, brain)
    np.testing.assert_allclose(found.moving_to_fixed, again.moving_to_fixed, atol=1e-5)


def test_placing_moves_the_world_and_no_value():
    volume, _ = scan(*grid((8, 9, 10), (20, 20, 20)))
    pose = rigid((10, 20, 30), (1, 2, 3))
    moved = place(volume, pose)
    assert moved.data is volume.data
    np.testing.assert_allclose(moved.affine @ [2, 3, 4, 1], pose @ volume.affine @ [2, 3, 4, 1])


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
    assert moved.checks.nmi_after > moved.checks.nmi_before
    assert moved.checks.nmi_after == pytest.approx(at_home.checks.nmi_after, abs=0.003)
    assert {moved.checks.verdict, at_home.checks.verdict} == {Verdict.TRUSTED}


def error_mm(found, pose):
    points = brain_points()
    return np.linalg.norm(((found.moving_to_fixed @ pose - HOME) @ points)[:3], axis=0).mean()


def spoilt(volume, share, value=32767.0, seed=0):
    """Return the scan with hot voxels."""
    data = volume.data.copy()
    data.flat[np.random.default_rng(seed).choice(data.size, round(share * data.size), replace=False)] = value
    return volume.with_data(data)


@pytest.mark.slow
def test_hot_voxels_do_not_move_a_registration():
    contrast, pose, geometry = MOVED[0]
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    moving, _ = scan(*geometry, contrast, pose=pose, noise=4, seed=1)
    clean, found = (register(spoilt(fixed, share), spoilt(moving, share, seed=1), brain) for share in (0, 1e-4))
    apart = np.linalg.norm(((found.moving_to_fixed - clean.moving_to_fixed) @ pose @ brain_points())[:3], axis=0)
    assert apart.mean() < 0.3
    assert found.checks.verdict is Verdict.TRUSTED


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.45])
def test_a_slab_is_registered(share):
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    pose = rigid((4, -3, 6), (34, -24, 15))
    slices = round(share * 100 / 3)
    slab, _ = scan(*grid((90, 100, slices), (2, 2, 3), middle=(34, -24, 25)), "T2", pose=pose, noise=4, seed=1)
    found = register(fixed, slab, brain)
    assert error_mm(found, pose) < 1.0
    assert found.checks.verdict is Verdict.TRUSTED
    assert found.checks.seen == pytest.approx(share, abs=0.2)


@pytest.mark.slow
def test_a_head_turned_by_sixty_degrees_is_found():
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    pose = rigid((10, -55, 20), (60, 10, 0))
    moving, _ = scan(*grid((80, 80, 60), (3, 3, 3), middle=(60, 10, 0)), "FLAIR", pose=pose, noise=4, seed=1)
    found = register(fixed, moving, brain)
    assert error_mm(found, pose) < 1.0
    assert found.checks.verdict is Verdict.TRUSTED


@pytest.mark.slow
def test_a_strong_receive_field_does_not_move_a_registration():
    contrast, pose, geometry = MOVED[0]
    fixed, brain = scan(*FIXED, "T1", pose=HOME, noise=3)
    moving, _ = scan(*geometry, contrast, pose=pose, noise=4, seed=1)
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in moving.shape], indexing="ij")
    field = np.exp(1.2 * (1 - x**2 - y**2 - z**2) + 0.6 * x)
    found = register(fixed, moving.with_data((moving.data * field).astype(np.float32)), brain)
    assert error_mm(found, pose) < 1.0
    assert found.checks.verdict is not Verdict.FAILED
