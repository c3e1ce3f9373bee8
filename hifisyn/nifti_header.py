"""What the header of a NIfTI file says of where its voxels lie, compared field by field, in millimetres.

A field that contradicts another is refused by its name; one that another makes up for is mended.
"""

import logging
import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from hifisyn.errors import FileError

# Sizes and places of the format itself, and what a scanner or a person wrote: patients' names have been found there.
NOT_KEPT = {"sizeof_hdr", "magic", "vox_offset", "extents", "session_error", "regular"}
NOT_KEPT |= {"data_type", "db_name", "descrip", "aux_file", "intent_name"}
UNITS = {1: ("metres", 1000.0), 3: ("microns", 0.001)}
SPACE, MILLIMETRES = 0b111, 2  # the bits of xyzt_units that are of space, and their value for mm
MOST_VOXELS = 2**15 - 1  # along an axis, in NIfTI-1
SAME_SIZE = 0.02
SMALLEST_MM, LARGEST_MM = 0.02, 50.0
SINGULAR = 1e-6
SILENT = logging.Logger("nifti header", logging.CRITICAL + 1)
FIX = "correct the header, or convert the DICOM again"


@np.errstate(over="ignore", invalid="ignore")  # what overflows is infinite, and refused where it matters
def mended(path: Path, raw: Any) -> Any:
    """Return a header as the rest of the package needs it: NIfTI-1, three axes, millimetres, one size of the voxels.

    Trailing axes of one voxel are dropped; metres and microns become millimetres; a pixdim or a quaternion that is
    broken gives way to a sound sform. Free text is left behind.

    Args:
        path: the file, for errors.
        raw: its header, NIfTI-1 or 2, any byte order, unchecked; stays as it is.

    Raises:
        FileError: the voxels are no real numbers on three axes, or the fields that place them are broken or contradict
            each other.
    """
    shape = _three_axes(path, raw)
    _check_kind(path, raw)
    header = _copied(raw)
    header.set_data_shape(shape)
    if header["pixdim"][0] not in (-1, 1):
        header["pixdim"][0] = 1  # as the standard says of 0
    unit = _to_millimetres(header)
    if header["sform_code"] > 0:
        _check_sform(path, header)
    else:
        _check_pixdim_and_qform(path, header)
    header.check_fix(SILENT)
    sizes = np.linalg.norm(header.get_best_affine()[:3, :3], axis=0)
    if sizes.min() < SMALLEST_MM or sizes.max() > LARGEST_MM:
        field, says = ("xyzt_units", f", in {unit} by xyzt_units") if unit else ("pixdim", "")
        what = f"must have voxels of {SMALLEST_MM:g} to {LARGEST_MM:g} mm"
        raise FileError(path, what, got=f"{_times(sizes)} mm{says}", hint=f"correct {field} in the header")
    return header


def forms_apart(header: Any) -> tuple[float, float] | None:
    """Return how far sform and qform lie apart: degrees, and millimetres at the farthest corner.

    Both may be meant: a registration is often written into the sform alone, which is used.

    Args:
        header: as `mended` returned it.

    Returns:
        None where the header does not have both.
    """
    if header is None or not (header["sform_code"] > 0 and header["qform_code"] > 0):
        return None
    sform, qform = header.get_sform(), header.get_qform()
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in header.get_data_shape()], [1])).reshape(4, -1)
    millimetres = np.linalg.norm(((sform - qform) @ corners)[:3], axis=0).max()
    turn = _rotation(sform) @ _rotation(qform).T
    return math.degrees(math.acos(np.clip((np.trace(turn) - 1) / 2, -1, 1))), float(millimetres)


def _three_axes(path: Path, raw: Any) -> tuple[int, int, int]:
    shape = tuple(int(n) for n in raw.get_data_shape())
    kept = shape
    while len(kept) > 3 and kept[-1] == 1:
        kept = kept[:-1]
    if len(kept) != 3 or min(kept) < 1:
        raise FileError(path, "must have three axes", got=f"shape {shape}", hint="split it into one file per contrast")
    if max(kept) > MOST_VOXELS:
        raise FileError(path, f"must have at most {MOST_VOXELS} voxels along an axis", got=f"shape {shape}")
    i, j, k = kept
    return i, j, k


def _check_kind(path: Path, raw: Any) -> None:
    try:
        kind = raw.get_data_dtype()
    except (KeyError, HeaderDataError):
        kind = np.dtype("V")
    if kind.fields is not None or kind.kind == "c":
        raise FileError(path, "must hold one real number per voxel", got=kind, hint="export a magnitude image")
    if not kind.itemsize:
        got = f"a broken file: datatype {int(raw['datatype'])}"
        raise FileError(path, "must be a NIfTI image", got=got, hint="copy it again")


def _copied(raw: Any) -> Any:
    """Return a native NIfTI-1 header with the fields that both versions share, free text and extensions left out."""
    header = nib.Nifti1Header()
    for name in set(header.keys()) - NOT_KEPT:
        if name in raw.keys():  # noqa: SIM118 - a header is no dict
            header[name] = raw[name].astype(header[name].dtype) if name != "dim" else header[name]
    return header


def _to_millimetres(header: Any) -> str:
    """Convert lengths to millimetres; return the unit they had, empty for millimetres and for none."""
    units = int(header["xyzt_units"])
    name, factor = UNITS.get(units & SPACE, ("", 1.0))
    if name:
        header["pixdim"][1:4] *= factor
        for field in ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"):
            header[field] = header[field] * factor
        header["xyzt_units"] = units & ~SPACE | MILLIMETRES
    return name


def _check_sform(path: Path, header: Any) -> None:
    """Compare the sform with pixdim; what is missing beside it is taken from it."""
    affine = header.get_sform()
    if not np.isfinite(affine).all():
        raise FileError(path, "must have an sform of finite numbers", got="NaN or infinity", hint=FIX)
    sizes, volume = np.linalg.norm(affine[:3, :3], axis=0), abs(np.linalg.det(affine[:3, :3]))
    if volume <= SINGULAR * sizes.prod():
        raise FileError(path, "must have an sform that spans three axes", got="a singular one", hint=FIX)
    pixdim = np.abs(header["pixdim"][1:4].astype(float))
    known = np.isfinite(pixdim) & (pixdim > 0)
    pixdim = np.where(known, pixdim, sizes)
    ratio = sizes / pixdim
    # Of a gantry tilt, the sform may hold the shear and pixdim the distance of the slices.
    sheared = abs(volume / pixdim.prod() - 1) < SAME_SIZE and ratio.min() > 1 - SAME_SIZE
    if np.abs(ratio - 1).max() >= SAME_SIZE and not sheared:
        raise FileError(
            path,
            "must have the same voxel sizes in pixdim and in sform",
            got=f"pixdim {_times(pixdim)} mm, sform {_times(sizes)} mm",
            hint=FIX,
        )
    header["pixdim"][1:4] = pixdim
    if header["qform_code"] > 0 and not _sound_qform(header):
        header.set_qform(affine, code=int(header["qform_code"]))


def _check_pixdim_and_qform(path: Path, header: Any) -> None:
    pixdim = header["pixdim"][1:4]
    if not (np.isfinite(pixdim).all() and pixdim.min() > 0):
        raise FileError(path, "must have a pixdim above 0 for each axis", got=_times(pixdim), hint=FIX)
    if header["qform_code"] > 0 and not _sound_qform(header):
        raise FileError(path, "must have a qform that is a rotation and a place", got="a broken quaternion", hint=FIX)


def _sound_qform(header: Any) -> bool:
    try:
        return bool(np.isfinite(header.get_qform()).all())
    except (ValueError, HeaderDataError):
        return False


def _rotation(affine: np.ndarray) -> np.ndarray:
    """Return the rotation, or rotation and flip, that is nearest to an affine whose columns are made equally long."""
    u, _, v = np.linalg.svd(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    nearest: np.ndarray = u @ v
    return nearest


def _times(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes)
