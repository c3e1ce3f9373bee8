import numpy as np
import pytest

from hifisyn.preprocessing.slices_axial import brain_slices, centre_window, slice_grid, to_slices, training_slices
from hifisyn.volume import Volume
from tests.support.heads import grid

GRIDS = [
    grid((24, 30, 20), (2, 1.5, 3), axes="LPS", degrees=(8, -5, 12), middle=(10, 20, -30)),
    grid((20, 24, 30), (3, 2, 1.5), axes="SRA", degrees=(-10, 4, 6)),
]


def box_in(shape, affine):
    """A mask that is off the middle of its grid."""
    data = np.zeros(shape, np.uint8)
    data[tuple(slice(2, n // 2) for n in shape)] = 1
    return Volume(data, affine)


@pytest.mark.parametrize("geometry", GRIDS)
@pytest.mark.parametrize("size", [32, 33])
def test_the_grid_is_lps_square_and_centred_on_the_brain(geometry, size):
    brain = box_in(*geometry)
    slices = slice_grid(brain, 1.25, size)
    upright = brain.reoriented("LPS")
    assert slices.axcodes == "LPS"
    assert slices.shape == (size, size, upright.shape[2])
    assert slices.spacing == pytest.approx((1.25, 1.25, upright.spacing[2]))
    inside = np.argwhere(brain.data)
    corners = np.array([inside.min(axis=0), inside.max(axis=0)])
    middle = brain.affine @ [*corners.mean(axis=0), 1]
    place = np.linalg.solve(slices.affine, middle)[:3]
    np.testing.assert_allclose(place[:2], (size - 1) / 2, atol=1e-9)


@pytest.mark.parametrize("geometry", GRIDS)
def test_the_places_along_the_third_axis_are_the_scans_own_slices(geometry):
    brain = box_in(*geometry)
    slices, upright = slice_grid(brain, 1.0, 16), brain.reoriented("LPS")
    step = np.linalg.solve(upright.affine, slices.affine)
    np.testing.assert_allclose(step[2], [0, 0, 1, 0], atol=1e-9)


def test_the_centre_window_is_the_same_field_of_view_as_cropping():
    whole = slice_grid(box_in(*GRIDS[0]), 1.0, 33)
    data = np.random.default_rng(0).random(whole.shape)
    window = centre_window(whole, 20)
    assert window.shape == (20, 20, whole.shape[2])
    np.testing.assert_allclose(window.affine @ [0, 0, 0, 1], whole.affine @ [6, 6, 0, 1])
    cropped = to_slices(whole.with_data(data))[:, 6:26, 6:26]
    np.testing.assert_array_equal(cropped, to_slices(window.with_data(data[6:26, 6:26])))
    with pytest.raises(ValueError, match="does not fit"):
        centre_window(whole, 34)


def test_rows_run_to_the_back_and_columns_to_the_left():
    volume = Volume(np.zeros((3, 4, 5)), np.diag([-1.0, -1, 1, 1]))
    volume.data[2, 0, 1] = 1
    assert to_slices(volume)[1, 0, 2] == 1


def test_training_slices_hold_enough_brain_and_are_spread_evenly():
    brain = np.zeros((40, 10, 10), bool)
    brain[5:35, :2] = True
    brain[3:5, 0, :2] = True
    assert training_slices(brain, 0.1, 100) == tuple(range(5, 35))
    few = training_slices(brain, 0.1, 8)
    assert (len(few), few[0], few[-1]) == (8, 5, 34)
    assert set(np.diff(few)) <= {4, 5}
    assert training_slices(brain, 0, 100) == tuple(range(3, 35))
    assert brain_slices(brain) == tuple(range(3, 35))
    assert training_slices(np.zeros_like(brain), 0, 5) == ()


def test_an_empty_mask_is_refused():
    with pytest.raises(ValueError, match="empty"):
        slice_grid(Volume(np.zeros((3, 3, 3)), np.eye(4)), 1, 8)
