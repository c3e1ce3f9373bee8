"""Slices go back where they came from: right place, right grid, right header, nothing outside the brain."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from hifisyn.postprocessing.assemble import assemble, paste
from hifisyn.postprocessing.background import blank
from hifisyn.postprocessing.intensity import scanner_units
from hifisyn.postprocessing.restore import extend, restore
from hifisyn.training.validation import centre
from hifisyn.volume import Volume, grid

LANDMARKS = np.array([[18.0, -14.0, 10.0], [-16.0, 15.0, -12.0], [3.0, 2.0, 17.0]])
WIDTH = 4.0

SCANS = {
    "RAS 1 mm": ("RAS", (1.0, 1.0, 1.0), 0.0),
    "flipped, thick slices": ("LPI", (0.8, 0.8, 3.0), 0.0),
    "sagittal": ("PSL", (1.2, 0.9, 0.9), 0.0),
    "oblique": ("RAS", (0.9, 0.9, 2.0), 20.0),
    "oblique coronal": ("LIP", (2.0, 1.1, 0.9), -15.0),
    "coarse": ("RAS", (2.0, 2.0, 2.5), 0.0),
}


def scan_grid(axcodes: str, spacing: tuple[float, float, float], degrees: float) -> Volume:
    """An empty scan about the world's origin, tilted about the x axis, spacing in RAS order."""
    shape = tuple(round(76 / mm) for mm in spacing)
    angle = np.deg2rad(degrees)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    return grid(shape, tilt @ affine).reoriented(axcodes)  # type: ignore[arg-type]


def slice_grid(scan: Volume, pixels: int = 96) -> Volume:
    """A grid of 1 mm pixels in the planes of the scan's own axial slices, as slices are cut on."""
    lps = scan.reoriented("LPS")
    affine = lps.affine.copy()
    affine[:3, :2] /= np.linalg.norm(affine[:3, :2], axis=0)
    shape = (pixels, pixels, lps.shape[2])
    centre = lps.affine @ [*((np.array(lps.shape) - 1) / 2), 1]
    affine[:3, 3] = centre[:3] - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return grid(shape, affine)


def world(volume: Volume) -> np.ndarray:
    """World coordinates of each voxel, by nibabel: (*shape, 3)."""
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), axis=-1)
    return nib.affines.apply_affine(volume.affine, indices)


def blobs(volume: Volume) -> np.ndarray:
    """A Gaussian about each landmark, in [0, 1]."""
    places = world(volume)
    return sum(np.exp(-((places - landmark) ** 2).sum(-1) / (2 * WIDTH**2)) for landmark in LANDMARKS)


def centroid(volume: Volume, landmark: np.ndarray) -> np.ndarray:
    """Centre of mass about a landmark, in world mm."""
    places = world(volume)
    near = np.linalg.norm(places - landmark, axis=-1) < 2.5 * WIDTH
    weights = volume.data[near][:, None]
    return (places[near] * weights).sum(0) / weights.sum()


def header_of(path: Path) -> Any:
    return nib.load(path).header


@pytest.mark.slow
@pytest.mark.parametrize("name", SCANS)
def test_landmarks_come_back_to_their_place(name):
    scan = scan_grid(*SCANS[name])
    cut = slice_grid(scan)
    slices = (blobs(cut).transpose(2, 1, 0) * 2 - 1).astype(np.float32)
    image = assemble(slices, range(len(slices)), cut)
    brain = image.with_data(np.ones(image.shape, dtype=bool))
    restored = restore(image, brain, scan)
    assert restored.shape == scan.shape
    np.testing.assert_array_equal(restored.affine, scan.affine)
    units = restored.with_data(scanner_units(restored.data, 1.0))
    for landmark in LANDMARKS:
        assert np.linalg.norm(centroid(units, landmark) - landmark) < 0.5 * min(scan.spacing)
    assert np.abs(units.data - blobs(scan)).max() < 0.12


def test_rows_run_to_the_back_and_columns_to_the_left():
    slices = np.zeros((3, 4, 5), dtype=np.float32)
    slices[2, 3, 0] = 1
    volume = assemble(slices, (0, 1, 2), grid((5, 4, 3), np.diag([-1.0, -1, 1, 1])))
    voxel = np.argwhere(volume.data == 1)[0]
    right, back, up = nib.affines.apply_affine(volume.affine, voxel)
    assert (right, back, up) == (0, -3, 2)


def test_slices_go_to_their_places_and_the_rest_is_background():
    slices = np.stack([np.full((2, 2), value, dtype=np.float32) for value in (0.25, 0.5)])
    volume = assemble(slices, (3, 1), grid((2, 2, 5), np.eye(4)))
    assert volume.data[0, 0].tolist() == [-1, 0.5, -1, 0.25, -1]


@pytest.mark.parametrize("places", [(0,), (0, 0), (0, 5), (-1, 0)])
def test_places_that_cannot_be_are_refused(places):
    with pytest.raises(ValueError, match="wanted"):
        assemble(np.zeros((2, 2, 2), dtype=np.float32), places, grid((2, 2, 5), np.eye(4)))


def test_assemble_keeps_a_mask_boolean():
    mask = assemble(np.ones((1, 2, 2), dtype=bool), (1,), grid((2, 2, 3), np.eye(4)), fill=False)
    assert mask.data.dtype == bool
    assert mask.data[0, 0].tolist() == [False, True, False]


@pytest.mark.parametrize(("height", "width", "side"), [(8, 8, 4), (9, 7, 4), (8, 9, 5), (8, 8, 8)])
def test_a_window_is_pasted_where_training_cuts_it(height, width, side):
    full = np.arange(2 * height * width, dtype=np.float32).reshape(2, height, width)
    cut = centre(full, side)
    pasted = paste(cut, (height, width))
    np.testing.assert_array_equal(pasted[pasted != -1], full[pasted != -1])
    assert (pasted != -1).sum() == cut.size


def test_a_window_larger_than_the_slice_is_refused():
    with pytest.raises(ValueError, match="do not fit"):
        paste(np.zeros((1, 5, 3), dtype=np.float32), (4, 4))


def test_the_brain_is_continued_by_its_nearest_voxel():
    image = np.array([[[3.0, 9.0, -1.0, -1.0]]])
    brain = image > 0
    assert extend(image, brain, (1, 1, 1)).tolist() == [[[3, 9, 9, 9]]]
    thick = np.full((4, 2, 1), -1.0)
    thick[0, 0, 0], thick[3, 1, 0] = 5, 7
    assert extend(thick, thick > 0, (1, 10, 1))[3, 0, 0] == 5
    assert extend(thick, thick > 0, (1, 1, 1))[3, 0, 0] == 7


def test_no_brain_at_all_stays_as_it_is():
    image = np.full((2, 2, 2), -1.0)
    assert extend(image, np.zeros((2, 2, 2), dtype=bool), (1, 1, 1)) is image


def test_the_edge_of_the_brain_does_not_fade():
    scan = scan_grid("RAS", (0.9, 0.9, 2.0), 0.0)
    cut = slice_grid(scan)
    ball = np.linalg.norm(world(cut), axis=-1) < 25
    image = grid(cut.shape, cut.affine).with_data(np.where(ball, 0.5, -1).astype(np.float32))
    mask = np.linalg.norm(world(scan), axis=-1) < 25
    restored = restore(image, image.with_data(ball), scan)
    np.testing.assert_allclose(restored.data[mask], 0.5, atol=1e-3)


def test_beyond_the_slices_there_is_background():
    scan = scan_grid("RAS", (1.0, 1.0, 1.0), 0.0)
    small = slice_grid(scan, pixels=40)
    image = small.with_data(np.full(small.shape, 0.5, dtype=np.float32))
    restored = restore(image, small.with_data(np.ones(small.shape, dtype=bool)), scan)
    seen = (np.abs(world(scan)[..., :2]) < 20).all(-1)
    np.testing.assert_allclose(restored.data[seen], 0.5, atol=1e-4)
    assert (restored.data[~seen] == -1).all()


def test_the_header_is_the_scans(tmp_path):
    affine = np.array([[0.0, -1.1, 0, 12], [0.9, 0, 0, -40], [0, 0, 3.2, 7], [0, 0, 0, 1]])
    stored = nib.Nifti1Image(np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8), affine)
    stored.set_sform(affine, code=1)
    elsewhere = affine.copy()
    elsewhere[0, 3] += 0.5
    stored.set_qform(elsewhere, code=3)
    stored.header.set_xyzt_units("mm", "sec")
    stored.header["descrip"] = b"of the scanner"
    nib.save(stored, tmp_path / "scan.nii.gz")
    scan = Volume.load(tmp_path / "scan.nii.gz")
    image = slice_grid(scan, pixels=16)
    image = image.with_data(np.zeros(image.shape, dtype=np.float32))
    restored = restore(image, image.with_data(image.data == 0), scan)
    restored.described("synthetic T2 by hifisyn").save(tmp_path / "made.nii.gz")
    before, after = (header_of(tmp_path / name) for name in ("scan.nii.gz", "made.nii.gz"))
    changed = {
        key for key in before if not np.array_equal(before[key], after[key], equal_nan=before[key].dtype.kind == "f")
    }
    assert changed == {"datatype", "bitpix", "descrip"}
    assert after.get_data_dtype() == np.float32
    assert bytes(after["descrip"].item()) == b"synthetic T2 by hifisyn"


def test_units_run_from_zero_to_the_scale():
    units = scanner_units(np.array([-1.5, -1, -0.5, 0, 1, 1.5]), 900)
    np.testing.assert_allclose(units, [0, 0, 225, 450, 900, 900])
    assert units.dtype == np.float32


def test_background_is_exactly_zero_and_the_brain_untouched():
    image = np.random.default_rng(1).normal(size=(4, 5, 6)).astype(np.float32)
    brain = np.random.default_rng(2).random((4, 5, 6)) > 0.5
    blanked = blank(image, brain)
    assert blanked.dtype == np.float32
    assert (blanked[~brain] == 0).all()
    assert not np.signbit(blanked[~brain]).any()
    np.testing.assert_array_equal(blanked[brain], image[brain])
