"""The plane of a scan and the grid in it, beside the directions of simulated slices and voxels counted by hand."""

import numpy as np
import pytest

from hifisyn.preprocessing.planes import Plane, plane_grid, plane_of
from hifisyn.simulation.slice_geometry import PLANES
from hifisyn.volume import Volume
from tests.support.heads import grid


def box(shape, affine, low=(4, 4, 2), high=(-4, -4, -2)):
    data = np.zeros(shape, np.uint8)
    data[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    return Volume(data, affine)


@pytest.mark.parametrize(
    ("spacing", "axes", "plane"),
    [
        ((1, 1, 4), "RAS", "axial"),
        ((1, 1, 4), "PIR", "sagittal"),
        ((4, 1, 1), "ASL", "coronal"),
        ((1, 1.4, 1), "RAS", "axial"),
        ((1.5, 1, 1), "LPS", "sagittal"),
        ((3, 3, 3), "SRA", "axial"),
        ((1, 2, 2), "RAS", "axial"),
    ],
)
def test_the_thick_axis_says_the_plane(spacing, axes, plane):
    scan = Volume(np.zeros((9, 9, 9)), grid((9, 9, 9), spacing, axes=axes, degrees=(9, -6, 8))[1])
    assert plane_of(scan) == plane


@pytest.mark.parametrize("plane", list(Plane))
def test_slices_rows_and_columns_go_where_those_of_simulated_heads_go(plane):
    made = plane_grid(box(*grid((40, 44, 30), (2, 1.5, 2), axes="AIR")), plane)
    directions = made.affine[:3, [2, 1, 0]] / np.array(made.spacing)[[2, 1, 0]]
    np.testing.assert_allclose(directions.T, PLANES[plane.value], atol=1e-6)


@pytest.mark.parametrize(
    ("spacing", "pixel", "step"),
    [((0.7, 0.7, 3), 1.0, 3.0), ((1.5, 1.5, 5), 1.5, 5.0), ((4, 4, 4), 2.5, 4.0), ((0.5, 0.5, 0.6), 1.0, 1.0)],
)
def test_pixels_are_the_scans_within_bounds_and_thin_slices_a_millimetre_apart(spacing, pixel, step):
    made = plane_grid(box(*grid((60, 64, 30), spacing)), Plane.AXIAL)
    np.testing.assert_allclose(made.spacing, (pixel, pixel, step), rtol=1e-6)
    assert made.shape[0] % 8 == made.shape[1] % 8 == 0


@pytest.mark.parametrize("plane", list(Plane))
def test_every_voxel_of_brain_lies_in_the_grid(plane):
    brain = box(*grid((40, 44, 30), (1.2, 0.9, 2), axes="PIR", degrees=(7, 9, -12), middle=(8, -3, 5)))
    made = plane_grid(brain, plane)
    voxels = np.argwhere(brain.data > 0)
    places = np.linalg.solve(made.affine, brain.affine @ np.c_[voxels, np.ones(len(voxels))].T)[:3]
    assert (places >= -0.5).all()
    assert (places <= np.array(made.shape)[:, None] - 0.5).all()


def test_own_slices_are_kept_without_interpolation():
    brain = box(*grid((40, 44, 30), (1, 1, 5), middle=(8, -3, 5)))
    made = plane_grid(brain, Plane.AXIAL)
    heights = (np.linalg.solve(brain.affine, made.affine) @ [[0], [0], [0], [1]])[2]
    assert made.shape[2] == 26
    assert heights == pytest.approx(2)


def test_an_empty_mask_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        plane_grid(Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4)), Plane.AXIAL)
