import gzip
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from hifisyn.errors import UserError
from hifisyn.volume import Volume, grid, read_grid

OBLIQUE = np.array([[-0.9, 0.12, 0.3, 12], [0.1, 1.1, -0.2, -30], [0.05, 0.2, 2.9, 7], [0, 0, 0, 1.0]])


def image(shape=(4, 5, 6), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_saved_volume_comes_back_with_its_geometry(tmp_path):
    Volume(image(), OBLIQUE).save(tmp_path / "a.nii.gz")
    back = Volume.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(back.data, image())
    np.testing.assert_allclose(back.affine, OBLIQUE, atol=1e-5)


def test_header_survives_with_new_data(tmp_path):
    source = nib.Nifti1Image(image(), OBLIQUE)
    source.set_sform(OBLIQUE, code=2)
    source.set_qform(OBLIQUE, code=1)
    nib.save(source, tmp_path / "a.nii")
    Volume.load(tmp_path / "a.nii").with_data(2 * image()).save(tmp_path / "b.nii.gz")
    header: Any = nib.load(tmp_path / "b.nii.gz").header
    assert int(header["sform_code"]) == 2
    assert int(header["qform_code"]) == 1


def test_canonical_places_every_voxel_where_it_was():
    volume = Volume(image(), OBLIQUE)
    canonical = volume.canonical()
    assert canonical.axcodes == "RAS"
    here = np.argwhere(volume.data == volume.data[1, 2, 3])[0]
    there = np.argwhere(canonical.data == volume.data[1, 2, 3])[0]
    np.testing.assert_allclose(OBLIQUE[:3] @ [*here, 1], canonical.affine[:3] @ [*there, 1], atol=1e-9)


def test_reorientation_agrees_with_nibabel():
    volume = Volume(image(), OBLIQUE)
    wanted = nib.as_closest_canonical(nib.Nifti1Image(volume.data, volume.affine))
    np.testing.assert_array_equal(volume.canonical().data, wanted.get_fdata(dtype=np.float32))
    np.testing.assert_allclose(volume.canonical().affine, wanted.affine)


def test_same_grid_sees_a_shift_of_a_tenth_of_a_voxel_and_no_rounding():
    moved, rounded = OBLIQUE.copy(), OBLIQUE.copy()
    moved[0, 3] += 0.1
    rounded[0, 3] += 0.005
    assert grid((4, 5, 6), OBLIQUE).same_grid(grid((4, 5, 6), rounded))
    assert grid((4, 5, 6), OBLIQUE).same_grid(grid((4, 5, 6), OBLIQUE.copy()))
    assert not grid((4, 5, 6), OBLIQUE).same_grid(grid((4, 5, 6), moved))
    assert not grid((4, 5, 6), OBLIQUE).same_grid(grid((4, 5, 7), OBLIQUE))


def test_nothing_is_overwritten_silently(tmp_path):
    Volume(image(), OBLIQUE).save(tmp_path / "a.nii.gz")
    with pytest.raises(UserError, match="already exists"):
        Volume(image(), OBLIQUE).save(tmp_path / "a.nii.gz")


def broken_files():
    def truncated(path):
        nib.save(nib.Nifti1Image(image((20, 20, 20)), np.eye(4)), path)
        path.write_bytes(path.read_bytes()[:2000])

    def odd_type(path):
        nib.save(nib.Nifti1Image(image(), np.eye(4)), path)
        raw = bytearray(gzip.decompress(path.read_bytes()))
        raw[70:72] = (999).to_bytes(2, "little")
        path.write_bytes(gzip.compress(bytes(raw)))

    def saved(array):
        return lambda path: nib.save(nib.Nifti1Image(array, np.eye(4)), path)

    nan = np.full((5, 5, 4), np.nan, np.float32)
    nan.flat[:4] = 1, 2, 3, 4
    return {
        "truncated": (truncated, "broken file"),
        "empty": (lambda path: path.write_bytes(b""), "broken file"),
        "empty gzip": (lambda path: path.write_bytes(gzip.compress(b"")), "broken file"),
        "unknown data type": (odd_type, "broken file"),
        "text": (lambda path: path.write_text("no image"), "broken file"),
        "missing": (lambda path: None, "does not exist"),
        "nan": (saved(nan), "96% NaN or infinite"),
        "constant": (saved(np.ones((3, 3, 3), np.float32)), "constant volume"),
        "4D": (saved(image((3, 3, 3, 2)).reshape(3, 3, 3, 2)), "must have three axes"),
        "complex": (saved(image().astype(np.complex64)), "one real number"),
    }


@pytest.mark.parametrize("kind", broken_files())
def test_bad_file_gets_one_line_that_names_it(kind, tmp_path):
    write, expected = broken_files()[kind]
    path = tmp_path / "bad.nii.gz"
    write(path)
    with pytest.raises(UserError, match=expected) as caught:
        Volume.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trailing_axis_of_one_is_dropped(tmp_path):
    nib.save(nib.Nifti1Image(image((3, 4, 5, 1)), np.eye(4)), tmp_path / "a.nii.gz")
    assert Volume.load(tmp_path / "a.nii.gz").shape == (3, 4, 5)


def test_headers_are_checked_without_reading_voxels(tmp_path):
    nib.save(nib.Nifti1Image(np.ones((5, 6, 7, 1), np.int16), np.eye(4)), tmp_path / "a.nii.gz")
    assert read_grid(tmp_path / "a.nii.gz").shape == (5, 6, 7)
    image = nib.Nifti1Image(np.ones((3, 3, 3), np.int16), np.eye(4))
    image.set_sform(np.diag([1.0, 1, 0, 1]), code=1)
    nib.save(image, tmp_path / "flat.nii.gz")
    with pytest.raises(UserError, match="singular"):
        read_grid(tmp_path / "flat.nii.gz")
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.int16), np.eye(4)), tmp_path / "strange.nii")
    content = bytearray((tmp_path / "strange.nii").read_bytes())
    content[70:72] = b"\xff\x7f"  # the data type's code
    (tmp_path / "strange.nii").write_bytes(content)
    with pytest.raises(UserError, match="broken"):
        read_grid(tmp_path / "strange.nii")


def test_voxels_that_are_not_finite_take_the_ends_of_the_range_and_are_counted(tmp_path):
    data = image()
    data[0, 0, :3] = np.nan, np.inf, -np.inf
    low, high = data[np.isfinite(data)].min(), data[np.isfinite(data)].max()
    nib.save(nib.Nifti1Image(data, OBLIQUE), tmp_path / "a.nii.gz")
    read = Volume.load(tmp_path / "a.nii.gz")
    assert read.data[0, 0, :3].tolist() == [low, high, low]
    np.testing.assert_array_equal(read.data[1:], data[1:])
    assert (read.replaced, read.canonical().replaced, read.with_data(read.data).replaced) == (3, 3, 0)
    assert Volume.load(tmp_path / "a.nii.gz", np.int16).replaced == 3


def test_free_text_and_extensions_never_reach_what_is_written(tmp_path):
    source = nib.Nifti1Image(image(), OBLIQUE)
    for field in ("descrip", "db_name", "aux_file", "intent_name"):
        source.header[field] = b"DOE^JANE"
    source.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE"))
    nib.save(source, tmp_path / "a.nii")
    read = Volume.load(tmp_path / "a.nii")
    read.save(tmp_path / "b.nii")
    read.described("synthetic").save(tmp_path / "c.nii")
    assert b"DOE" in (tmp_path / "a.nii").read_bytes()
    assert b"DOE" not in (tmp_path / "b.nii").read_bytes() + (tmp_path / "c.nii").read_bytes()
    assert bytes(Volume.load(tmp_path / "c.nii").header["descrip"].item()) == b""
    assert b"synthetic" in (tmp_path / "c.nii").read_bytes()


def test_labels_that_scaling_left_beside_whole_numbers_are_read_as_those(tmp_path):
    labels = np.random.default_rng(0).integers(0, 4, (5, 6, 7))
    for name, stored in (("float", labels * 0.9999997), ("other", (labels * 1.0000001).astype(np.float32))):
        nib.save(nib.Nifti1Image(stored, OBLIQUE), tmp_path / f"{name}.nii.gz")
        read = Volume.load_labels(tmp_path / f"{name}.nii.gz")
        np.testing.assert_array_equal(read.data, labels)
        assert read.data.dtype == np.uint8
    scaled = nib.Nifti1Image((labels * 85).astype(np.int16), OBLIQUE)
    scaled.header.set_slope_inter(1 / 85, 0)
    nib.save(scaled, tmp_path / "scaled.nii.gz")
    content = bytearray(gzip.decompress((tmp_path / "scaled.nii.gz").read_bytes()))
    content[112:116] = np.float32(1 / 85).tobytes()  # nibabel rewrites the slope
    content[352:] = np.asfortranarray(labels * 85).astype(np.int16).tobytes("F")
    (tmp_path / "scaled.nii").write_bytes(content)
    np.testing.assert_array_equal(Volume.load_labels(tmp_path / "scaled.nii").data, labels)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.37, "1 voxel such as 1.37"),
        (np.nan, "1 voxel such as nan"),
        (np.inf, "1 voxel such as inf"),
        (-1, "labels of 0 and above.*got -1"),
        (1e12, "labels of 0 and above.*got 1e"),
    ],
)
def test_a_voxel_that_is_no_label_is_refused(value, message, tmp_path):
    labels = np.zeros((3, 4, 5))
    labels[1, 1, 1] = value
    nib.save(nib.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(UserError, match=message):
        Volume.load_labels(tmp_path / "a.nii")


def test_a_label_map_may_be_empty_and_takes_the_type_it_needs(tmp_path):
    for most, kind in ((0, np.uint8), (255, np.uint8), (256, np.uint16), (70000, np.uint32)):
        labels = np.full((3, 4, 5), most, np.float32)
        nib.save(nib.Nifti1Image(labels, np.eye(4)), tmp_path / "a.nii")
        read = Volume.load_labels(tmp_path / "a.nii").data
        assert (read.dtype, int(read.max())) == (kind, most)


def test_a_soft_mask_counts_above_a_half(tmp_path):
    soft = np.linspace(0, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    nib.save(nib.Nifti1Image(soft, np.eye(4)), tmp_path / "a.nii")
    mask = Volume.load_mask(tmp_path / "a.nii").data
    assert (mask.dtype, int(mask.sum())) == (np.uint8, 30)
    nib.save(nib.Nifti1Image(soft - 1, np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(UserError, match="must hold 0 and 1"):
        Volume.load_mask(tmp_path / "b.nii")
