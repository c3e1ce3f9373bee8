"""IXI as it lies on disks: true names, sites, axis orders and voxel sizes, on shrunken grids."""

import gzip
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

from tests.support.heads import grid

SCANS = ("IXI002-Guys-0828", "IXI012-HH-1211", "IXI014-HH-1236", "IXI015-IOP-0852", "IXI500-Guys-1017")
T1_ONLY = "IXI500-Guys-1017"
THICK = "IXI014-HH-1236"
COLUMNS = ("IXI_ID", "SEX_ID (1=m, 2=f)", "HEIGHT", "WEIGHT", "ETHNIC_ID", "DOB", "STUDY_DATE", "AGE")


def geometry(scan, contrast, shrink=16):
    """Return shape and affine: T1 is a sagittal stack, T2 and PD axial and a few degrees oblique."""
    if contrast == "T1":
        slices = 140 if "IOP" in scan else 150
        return grid((256 // shrink, 256 // shrink, slices // shrink), (0.9375, 0.9375, 1.2), axes="PSR")
    shape, spacing = (256 // shrink, 256 // shrink, 130 // shrink), (0.9375, 0.9375, 1.25)
    if scan == THICK and contrast == "T2":
        shape, spacing = (256 // shrink, 256 // shrink, 32 // shrink + 1), (0.898, 0.898, 4.98)
    return grid(shape, spacing, axes="LAS", degrees=(4, -2, 1), middle=(2, -11, 7))


def write(folder, scans=SCANS, contrasts=("T1", "T2", "PD"), *, per_contrast="", packed=True):
    """Write loose scans; per_contrast names a folder for each contrast, as in IXI-{}. Returns the files by name."""
    files = {}
    for scan in scans:
        for contrast in contrasts:
            if scan == T1_ONLY and contrast != "T1":
                continue
            shape, affine = geometry(scan, contrast)
            data = (
                np.random.default_rng(zlib.crc32(f"{scan}-{contrast}".encode()))
                .integers(0, 900, shape)
                .astype(np.int16)
            )
            place = Path(folder) / per_contrast.format(contrast)
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{scan}-{contrast}.nii{'.gz' if packed else ''}"
            nib.save(nib.Nifti1Image(data, affine), path)
            files[path.name] = path
    return files


def pack(files, archive, prefix=""):
    """Move loose files into an archive, flat as IXI's own or below a folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".tar":
        with tarfile.open(archive, "w") as opened:
            for path in files:
                opened.add(path, prefix + path.name)
    else:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
            for path in files:
                opened.write(path, prefix + path.name)
    for path in files:
        path.unlink()


def voxels(path):
    """Return the content of a loose scan, unpacked."""
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def write_xls(path, rows):
    """Write a worksheet of Excel 2.1, which needs no library: texts, numbers and empty cells."""
    records = [struct.pack("<HHHH", 0x0009, 4, 7, 0x0010)]
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            place = struct.pack("<HH3x", i, j)
            if isinstance(cell, str):
                body = place + bytes([len(cell)]) + cell.encode("latin-1")
                records.append(struct.pack("<HH", 0x0004, len(body)) + body)
            elif cell is not None:
                body = place + struct.pack("<d", cell)
                records.append(struct.pack("<HH", 0x0003, len(body)) + body)
    path.write_bytes(b"".join([*records, struct.pack("<HH", 0x000A, 0)]))
