"""Archives read in place: the same bytes as the files that went in, and nothing that leads out."""

import hashlib
import io
import multiprocessing
import os
import tarfile
import zipfile

import nibabel as nib
import numpy as np
import pytest

from hifisyn import archives
from hifisyn.errors import UserError
from hifisyn.files import sha256
from hifisyn.volume import Volume, read_grid

AFFINE = np.array([[0.0, 0.0, 1.2, -80], [-0.9, 0.1, 0.0, 90], [0.1, 0.9, 0.0, -70], [0, 0, 0, 1]])


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "T1.nii.gz"
    data = np.random.default_rng(0).integers(0, 900, (5, 6, 7)).astype(np.int16)
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


def packed(folder, scan, kind):
    """Return the path of the scan inside a new archive."""
    archive = folder / f"scans.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.write(scan, "T1/T1.nii.gz")
    else:
        with tarfile.open(archive, "w") as opened:
            opened.add(scan, "T1/T1.nii.gz")
    return archive / "T1" / "T1.nii.gz"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_scan_in_an_archive_is_the_scan(tmp_path, scan, kind):
    inside = packed(tmp_path, scan, kind)
    assert archives.exists(inside)
    assert not archives.exists(inside.with_name("T2.nii.gz"))
    assert archives.members(tmp_path / f"scans.{kind}") == [inside]
    assert sha256(inside) == hashlib.sha256(scan.read_bytes()).hexdigest() == sha256(scan)
    here, there = Volume.load(scan), Volume.load(inside)
    np.testing.assert_array_equal(here.data, there.data)
    np.testing.assert_array_equal(here.affine, there.affine)
    assert read_grid(inside).same_grid(here)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["T1.nii.gz", f"scans.{kind}"]


def test_ordinary_paths_are_ordinary(tmp_path, scan):
    folder = tmp_path / "old.zip"
    folder.mkdir()
    assert archives.split(folder / "T1.nii.gz") is None
    assert archives.split(scan) is None
    assert archives.on_disk(scan) == scan
    assert not archives.exists(tmp_path / "none.zip" / "T1.nii.gz")


def test_a_truncated_zip_and_a_missing_member_are_said_in_one_line(tmp_path, scan):
    inside = packed(tmp_path, scan, "zip")
    with pytest.raises(UserError, match=r"scans.zip has no member"):
        Volume.load(inside.with_name("T2.nii.gz"))
    archive = tmp_path / "scans.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"scans.zip must be an archive \(got a broken file"):
        Volume.load(inside)
    assert not archives.exists(inside)


def test_damage_inside_a_member_is_found(tmp_path, scan):
    inside = packed(tmp_path, scan, "zip")
    archive = tmp_path / "scans.zip"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(UserError, match="broken"):
        sha256(inside)


@pytest.mark.parametrize("name", ["../out.nii.gz", "/etc/out.nii.gz", "a\\..\\..\\out.nii.gz"])
def test_names_that_lead_out_are_refused(tmp_path, name):
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as opened:
        entry = tarfile.TarInfo(name)
        opened.addfile(entry, io.BytesIO(b""))
    with pytest.raises(UserError, match="do not trust"):
        archives.members(archive)


def test_a_tar_is_read_through_once_however_many_of_its_files_are_opened(tmp_path, monkeypatch):
    archive = tmp_path / "scans.tar"
    with tarfile.open(archive, "w") as opened:
        for number in range(60):
            entry = tarfile.TarInfo(f"./{number}.txt" if number % 2 else f"{number}.txt")
            entry.size = 3
            opened.addfile(entry, io.BytesIO(b"%03d" % number))
    read = []
    original = tarfile.TarFile.next

    def counted(self):
        read.append(self)
        return original(self)

    monkeypatch.setattr(tarfile.TarFile, "next", counted)
    files = archives.members(archive)
    for number, file in enumerate(files):
        with archives.open_binary(file) as stream:
            assert stream.read() == b"%03d" % number
    assert len(read) < 4 * len(files)


@pytest.mark.parametrize("keep", [100, 512 + 100, 1024, 1024 + 100, 1024 + 512 + 10])
def test_a_tar_that_is_cut_off_anywhere_is_broken(tmp_path, keep):
    archive = tmp_path / "scans.tar"
    with tarfile.open(archive, "w") as opened:
        for number in range(3):
            entry = tarfile.TarInfo(f"{number}.txt")
            entry.size = 3
            opened.addfile(entry, io.BytesIO(b"%03d" % number))
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(UserError, match="broken"):
        archives.members(archive)


def test_the_table_of_contents_of_a_zip_is_read_once(tmp_path, monkeypatch):
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for number in range(200):
            opened.writestr(f"{number:03d}.txt", str(number) * 50)
    read = []
    original = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined]

    def counted(self):
        read.append(1)
        return original(self)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", counted)
    with archives.open_binary(archive / "000.txt") as one, archives.open_binary(archive / "199.txt") as other:
        assert (one.read(3), other.read(3), one.read(3)) == (b"000", b"199", b"000")
    for number in range(200):
        with archives.open_binary(archive / f"{number:03d}.txt") as stream:
            assert stream.read() == str(number).encode() * 50
    assert len(read) == 1
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("new.txt", "new")
    os.utime(archive, ns=(1, 1))
    with archives.open_binary(archive / "new.txt") as stream:
        assert stream.read() == b"new"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes are not forked here")
def test_processes_that_were_forked_read_a_zip_on_their_own(tmp_path):
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for number in range(40):
            opened.writestr(f"{number}.bin", np.random.default_rng(number).bytes(100_000))
    paths = [archive / f"{number}.bin" for number in range(40)]
    here = [sha256(path) for path in paths]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(sha256, paths, chunksize=1) == here


def test_an_archive_that_is_written_anew_is_read_anew(tmp_path, scan):
    inside = packed(tmp_path, scan, "zip")
    archive = tmp_path / "scans.zip"
    before = archive.stat()
    assert Volume.load(inside).shape == (5, 6, 7)
    nib.save(nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), AFFINE), scan)
    archive.unlink()
    packed(tmp_path, scan, "zip")
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Volume.load(inside).shape == (3, 4, 5)
