"""Fields of a header that contradict each other: what is right with voxels of 1.5 x 2 x 3 mm in every case."""

import struct

import nibabel as nib
import numpy as np
import pytest

from hifisyn.errors import FileError
from hifisyn.nifti_header import forms_apart
from hifisyn.volume import Volume

SIZES = (1.5, 2.0, 3.0)
TURN = nib.eulerangles.euler2mat(0.3, 0.2, -0.1)
AFFINE = nib.affines.from_matvec(TURN @ np.diag(SIZES), (-20, 10, 5))
SHAPE = (6, 7, 8)
PIXDIM, QUATERN, SROW = 76, 256, 280


def write(path, *, affine=AFFINE, sform=1, qform=1, unit="mm", shape=SHAPE, patches=()):
    """Write a volume whose header is patched: (offset, format, values)."""
    data = np.random.default_rng(0).integers(0, 900, shape).astype(np.int16)
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    image.header.set_xyzt_units(unit)
    nib.save(image, path)
    content = bytearray(path.read_bytes())
    for offset, code, *values in patches:
        struct.pack_into("<" + code, content, offset, *values)
    path.write_bytes(content)
    return path


def is_right(path):
    read = Volume.load(path)
    np.testing.assert_allclose(read.affine, AFFINE, atol=1e-5)
    read.save(path.with_name("again.nii"))
    again = nib.load(path.with_name("again.nii"))
    np.testing.assert_allclose(again.affine, AFFINE, atol=1e-5)  # type: ignore[attr-defined]
    assert again.header.get_zooms() == pytest.approx(SIZES, abs=1e-5)  # type: ignore[attr-defined]
    return again.header


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3), ("mm", 1), ("unknown", 1)])
@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (1, 0), (0, 1)])
def test_every_unit_of_length_becomes_millimetres(unit, factor, sform, qform, tmp_path):
    scaled = np.diag([factor, factor, factor, 1]) @ AFFINE
    header = is_right(write(tmp_path / "a.nii", affine=scaled, sform=sform, qform=qform, unit=unit))
    assert header.get_xyzt_units()[0] == ("unknown" if unit == "unknown" else "mm")


@pytest.mark.parametrize(("unit", "factor", "field"), [("meter", 1, "xyzt_units"), ("mm", 1e-3, "pixdim")])
def test_voxels_no_scanner_has_are_refused_with_the_field_that_makes_them(unit, factor, field, tmp_path):
    scaled = np.diag([factor, factor, factor, 1]) @ AFFINE
    with pytest.raises(FileError, match=f"must have voxels of 0.02 to 50 mm.*{field}"):
        Volume.load(write(tmp_path / "a.nii", affine=scaled, unit=unit))


@pytest.mark.parametrize(
    "patch",
    [
        (PIXDIM + 12, "f", 0.0),
        (PIXDIM + 4, "f", -1.5),
        (PIXDIM + 8, "f", float("nan")),
        (PIXDIM + 8, "f", float("inf")),
        (PIXDIM, "f", 0.0),
        (QUATERN, "3f", 5.0, 5.0, 5.0),
        (QUATERN, "f", float("nan")),
    ],
)
def test_a_sound_sform_makes_up_for_what_is_missing_beside_it(patch, tmp_path):
    is_right(write(tmp_path / "a.nii", patches=[patch]))


def test_an_sform_of_other_sizes_than_pixdim_is_refused_with_both(tmp_path):
    unit = AFFINE.copy()
    unit[:3, :3] /= SIZES
    with pytest.raises(FileError, match=r"got pixdim 1.5 x 2 x 3 mm, sform 1 x 1 x 1 mm"):
        Volume.load(write(tmp_path / "a.nii", patches=[(SROW, "12f", *unit[:3].ravel())]))
    swapped = AFFINE @ np.diag([SIZES[2] / SIZES[0], 1, SIZES[0] / SIZES[2], 1])  # the same volume of a voxel
    with pytest.raises(FileError, match="the same voxel sizes in pixdim and in sform"):
        Volume.load(write(tmp_path / "a.nii", patches=[(SROW, "12f", *swapped[:3].ravel())]))


def test_rounding_and_shears_do_not_contradict_pixdim(tmp_path):
    for shear in (AFFINE @ np.diag([1.015, 1, 1, 1]), AFFINE @ (np.eye(4) + 0.4 * np.eye(4)[:, [1]] * np.eye(4)[2])):
        path = write(tmp_path / "a.nii", patches=[(SROW, "12f", *shear[:3].ravel())])
        np.testing.assert_allclose(Volume.load(path).affine, shear, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, -2.0, float("nan"), float("inf")])
@pytest.mark.parametrize("qform", [1, 0])
def test_without_an_sform_pixdim_must_be_sound(value, qform, tmp_path):
    path = write(tmp_path / "a.nii", sform=0, qform=qform, patches=[(PIXDIM + 8, "f", value)])
    with pytest.raises(FileError, match="must have a pixdim above 0 for each axis"):
        Volume.load(path)


@pytest.mark.parametrize(
    ("sform", "patch", "message"),
    [
        (1, (SROW, "f", float("nan")), "sform of finite numbers"),
        (1, (SROW, "12f", *[0.0] * 12), "sform that spans three axes .*singular"),
        (0, (QUATERN, "3f", 5.0, 5.0, 5.0), "qform that is a rotation"),
        (0, (QUATERN + 12, "f", float("nan")), "qform that is a rotation"),
    ],
)
def test_a_form_that_is_used_and_broken_is_refused_by_its_name(sform, patch, message, tmp_path):
    with pytest.raises(FileError, match=message):
        Volume.load(write(tmp_path / "a.nii", sform=sform, patches=[patch]))


@pytest.mark.parametrize("more", [(), (1,), (1, 1), (1, 1, 1, 1)])
def test_any_number_of_trailing_axes_of_one_is_dropped(more, tmp_path):
    is_right(write(tmp_path / "a.nii", shape=SHAPE + more))


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 8, 2), (6, 7, 1, 8), (6, 7, 8, 1, 2)])
def test_other_numbers_of_axes_are_refused(shape, tmp_path):
    with pytest.raises(FileError, match="must have three axes"):
        Volume.load(write(tmp_path / "a.nii", shape=shape))


def test_how_far_the_two_forms_lie_apart(tmp_path):
    turned = AFFINE.copy()
    turned[:3, :3] = nib.eulerangles.euler2mat(0, 0, np.deg2rad(20)) @ turned[:3, :3]
    moved = nib.affines.from_matvec(AFFINE[:3, :3], AFFINE[:3, 3] + [0, 3, 4])
    found = []
    for other in (AFFINE, turned, moved):
        read = Volume.load(write(tmp_path / "a.nii", patches=[(SROW, "12f", *other[:3].ravel())]))
        np.testing.assert_allclose(read.affine, other, atol=1e-5)
        found.append(forms_apart(read.header))
    same, turn, move = found
    assert same == pytest.approx((0, 0), abs=0.05)
    assert turn is not None
    assert turn[0] == pytest.approx(20, abs=0.01)
    assert turn[1] > 1
    assert move == pytest.approx((0, 5), abs=0.05)
    assert forms_apart(Volume.load(write(tmp_path / "a.nii", qform=0)).header) is None
