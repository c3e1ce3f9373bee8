"""Reading agrees with nibabel on whatever is sound, and finds what is not before or while it reads."""

import gzip
import io
import random
import struct
import tarfile
import zipfile

import nibabel as nib
import numpy as np
import pytest

from hifisyn import memory
from hifisyn.errors import FileError
from hifisyn.nifti_stream import read_header, read_image
from hifisyn.volume import Volume, read_grid

AFFINE = np.array([[-0.9, 0.12, 0.3, 12], [0.1, 1.1, -0.2, -30], [0.05, 0.2, 2.9, 7], [0, 0, 0, 1.0]])
SHAPE = (9, 10, 11)


def voxels(shape=SHAPE):
    return np.random.default_rng(0).integers(0, 200, shape)


def content_of(tmp_path, *, kind=nib.Nifti1Image, dtype="<i2", slope=None, data=None):
    """Return a .nii as bytes; the slope is patched in, since nibabel has its own ideas."""
    stored = (voxels() if data is None else data).astype(dtype)
    header = kind.header_class(endianness=dtype[0] if dtype[0] in "<>" else "<")
    image = kind(stored, AFFINE, header)
    image.set_data_dtype(stored.dtype)
    nib.save(image, tmp_path / "made.nii")
    content = bytearray((tmp_path / "made.nii").read_bytes())
    if slope:
        code, at = ("2d", 176) if kind is nib.Nifti2Image else ("2f", 112)
        struct.pack_into(dtype[0] + code, content, at, *slope)
    return bytes(content)


@pytest.mark.parametrize("slope", [None, (2.5, -7.0), (0.0, 3.0), (np.nan, np.nan)])
@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<u1", "<u2", "<f4", ">f8", "<i4", "<i8"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_values_and_places_are_those_that_nibabel_reads(kind, dtype, slope, tmp_path):
    (tmp_path / "a.nii").write_bytes(content_of(tmp_path, kind=kind, dtype=dtype, slope=slope))
    expected = nib.load(tmp_path / "a.nii")
    values, header = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(values, np.asanyarray(expected.dataobj))  # type: ignore[attr-defined]
    np.testing.assert_allclose(header.get_best_affine(), expected.affine, atol=1e-5)  # type: ignore[attr-defined]
    assert Volume.load(tmp_path / "a.nii").data.dtype == np.float32


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["disk", "zip", "tar"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_a_file_is_says_its_content_wherever_it_lies(kind, packed, place, name, tmp_path):
    plain = content_of(tmp_path, kind=kind)
    path = put(tmp_path, place, gzip.compress(plain) if packed else plain, name)
    np.testing.assert_array_equal(Volume.load(path).data, voxels())
    assert read_grid(path).same_grid(Volume.load(path))


def put(folder, place, content, name="a.nii.gz"):
    """Write bytes to a file on the disk or in an archive and return its path."""
    if place == "zip":
        with zipfile.ZipFile(folder / "s.zip", "w") as archive:
            archive.writestr(name, content)
    elif place == "tar":
        with tarfile.open(folder / "s.tar", "w") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    else:
        (folder / name).write_bytes(content)
        return folder / name
    return folder / f"s.{place}" / name


@pytest.mark.parametrize("place", ["disk", "tar"])
def test_a_flipped_bit_never_reads_as_other_voxels(place, tmp_path):
    sound, draw = gzip.compress(content_of(tmp_path), mtime=0), random.Random(0)
    refused = 0
    for _ in range(60):
        content = bytearray(sound)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path = put(tmp_path, place, content)
        error = refusal(path)
        if not error:
            np.testing.assert_array_equal(Volume.load(path).data, voxels())  # a bit of the time or of the system
            continue
        refused += 1
        assert str(path) in error
        assert "\n" not in error
    assert refused > 50


def refusal(path):
    """Return why a file is not read; empty where it is."""
    try:
        Volume.load(path)
    except FileError as error:
        return str(error)
    return ""


def test_a_sum_that_is_wrong_at_the_end_is_found_though_all_voxels_are_there(tmp_path):
    content = bytearray(gzip.compress(content_of(tmp_path)))
    content[-6] ^= 1  # of the CRC
    with pytest.raises(FileError, match="broken file"):
        Volume.load(put(tmp_path, "disk", content))
    assert read_grid(tmp_path / "a.nii.gz").shape == SHAPE


@pytest.mark.parametrize("place", ["disk", "zip", "tar"])
def test_a_header_that_claims_more_than_there_can_be_is_refused_before_reading(place, tmp_path):
    plain = bytearray(content_of(tmp_path))
    struct.pack_into("<3h", plain, 42, 900, 900, 900)
    for content in (bytes(plain), gzip.compress(plain)):
        path = put(tmp_path, place, content)
        for read in (read_header, read_image):
            with pytest.raises(FileError, match=r"all of its voxels \(got .* MiB where the header says 1.39e\+03 MiB"):
                read(path)


@pytest.mark.parametrize("place", ["disk", "zip"])
def test_a_file_far_longer_than_its_header_says_is_refused(place, tmp_path):
    path = put(tmp_path, place, content_of(tmp_path) + bytes(3 * 2**20))
    with pytest.raises(FileError, match="must hold its voxels alone"):
        read_grid(path)
    assert Volume.load(put(tmp_path, place, content_of(tmp_path) + bytes(5000))).shape == SHAPE


def test_a_volume_that_does_not_fit_the_memory_is_refused_before_reading(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemAvailable: 1048576 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    path = put(tmp_path, "disk", gzip.compress(content_of(tmp_path)))
    assert Volume.load(path).shape == SHAPE
    header = bytearray(content_of(tmp_path))[:352]
    struct.pack_into("<3h", header, 42, 1015, 1015, 1015)
    huge = put(tmp_path, "disk", gzip.compress(header + bytes(2**21)) + bytes(2**21), "huge.nii.gz")
    with pytest.raises(FileError, match=r"must fit the memory \(got needs 29.2 GiB of 1.0 GiB free\)"):
        Volume.load(huge)
    (tmp_path / "meminfo").unlink()  # a system that does not say
    assert Volume.load(path).shape == SHAPE


def test_other_files_are_refused_in_one_line_that_says_what_they_are(tmp_path):
    pair = nib.Nifti1Pair(voxels().astype(np.int16), AFFINE)
    nib.save(pair, tmp_path / "a.img")
    nib.save(nib.MGHImage(voxels().astype(np.float32), AFFINE), tmp_path / "a.mgz")
    for name, got in (("a.hdr", r"a pair \(.hdr and .img\)"), ("a.mgz", "no NIfTI header"), ("", "a folder")):
        with pytest.raises(FileError, match=got):
            Volume.load(tmp_path / name)


@pytest.mark.slow
def test_a_header_in_which_any_byte_is_wrong_gives_a_volume_or_one_line(tmp_path):
    sound, draw = content_of(tmp_path), random.Random(1)
    for at in range(352):
        content = bytearray(sound)
        content[at] = draw.randrange(256)
        (tmp_path / "a.nii").write_bytes(content)
        if error := refusal(tmp_path / "a.nii"):
            assert "\n" not in error
            continue
        read = Volume.load(tmp_path / "a.nii")
        assert np.isfinite(read.data).all()
        assert np.isfinite(read.affine).all()
        read.save(tmp_path / "b.nii", overwrite=True)
