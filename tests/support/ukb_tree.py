"""UK Biobank's bulk items as they lie on disks: true members, axis order and quirks, on shrunken grids."""

import gzip
import io
import zipfile

import nibabel as nib
import numpy as np

from tests.support.heads import grid, scan, truth

T1_FIELD, FLAIR_FIELD = 20252, 20253
OTHERS = {
    T1_FIELD: (
        "T1/T1.json",
        "T1/T1_first/T1_first_all_fast_firstseg.nii.gz",
        "T1/transforms/T1_to_MNI_linear.mat",
        "T1/transforms/T1_to_MNI_warp_coef.nii.gz",
    ),
    FLAIR_FIELD: (
        "T2_FLAIR/lesions/volume.txt",
        "T2_FLAIR/lesions/final_mask.nii.gz",
        "T2_FLAIR/transforms/T2_FLAIR.mat",
    ),
}


def geometry(shrink=16, seed=0) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of a T1: axes LAS after FSL's reorientation, a field of view that differs a little."""
    shape = (208 // shrink, 256 // shrink, 256 // shrink + seed % 3)
    return grid(shape, (shrink, shrink, shrink), axes="LAS", middle=(1, -8, 12))


def original(shrink=16) -> tuple[tuple[int, int, int], np.ndarray]:
    """Return shape and affine of a FLAIR as it was scanned: sagittal, 1.05 mm, a little oblique."""
    return grid(
        (192 // shrink, 256 // shrink, 256 // shrink), (1.05 * shrink, shrink, shrink), axes="RAS", degrees=(3, 1, -2)
    )


def volumes(seed=0, shrink=16, contrast="T1"):
    """Return what a participant's item holds by member, arrays on the T1's grid: head, brain, mask, tissues."""
    where = geometry(shrink, seed)
    head, mask = scan(*where, contrast, noise=1, seed=seed)
    brain = head.with_data(np.where(mask.data > 0, np.maximum(head.data, 1), 0))
    tissue = np.where(mask.data > 0, np.maximum(truth(head), 1), 0)
    stem, folder = ("T1", "T1") if contrast == "T1" else ("T2_FLAIR", "T2_FLAIR")
    held = {
        f"{folder}/{stem}": head.with_data(head.data + 0.25),
        f"{folder}/{stem}_unbiased": head.with_data(head.data + 0.5),
        f"{folder}/{stem}_brain": brain,
        f"{folder}/{stem}_unbiased_brain": brain.with_data(brain.data * 1.5),
        f"{folder}/{stem}_brain_mask": mask,
    }
    if contrast == "T1":
        held["T1/T1_orig_defaced"] = scan(*geometry(shrink, seed + 1), "T1", noise=1, seed=seed)[0]
        held["T1/T1_brain_to_MNI"] = brain
        held["T1/T1_fast/T1_brain_pveseg"] = held["T1/T1_fast/T1_brain_seg"] = mask.with_data(tissue.astype(np.uint8))
        for number in range(3):
            fraction = np.where(tissue == number + 1, 0.8, 0.1) * (tissue > 0)
            held[f"T1/T1_fast/T1_brain_pve_{number}"] = head.with_data(fraction.astype(np.float32))
    else:
        held["T2_FLAIR/T2_FLAIR_orig_defaced"] = scan(*original(shrink), contrast, noise=1, seed=seed)[0]
    return held


def packed(volume):
    """Return the bytes of a .nii.gz."""
    return gzip.compress(nib.Nifti1Image(volume.data, volume.affine).to_bytes(), 1, mtime=0)


_CONTENT: dict = {}


def content(seed, shrink, contrast):
    """Return the members of an item as bytes, made once."""
    key = (seed % 3, shrink, contrast)
    if key not in _CONTENT:
        _CONTENT[key] = {f"{name}.nii.gz": packed(volume) for name, volume in volumes(*key).items()}
    return _CONTENT[key]


def item(eid, field=T1_FIELD, instance=2, *, seed=0, shrink=16, without=(), only=None, extra=None):
    """Return the name of an item and its members as bytes.

    without, only: members to leave out or to keep, as in T1/T1_brain; extra: more members, bytes by name.
    """
    contrast = "T1" if field == T1_FIELD else "FLAIR"
    members = {
        name: body
        for name, body in content(seed, shrink, contrast).items()
        if (only is None or name.removesuffix(".nii.gz") in only)
        and not any(name.removesuffix(".nii.gz").startswith(prefix) for prefix in without)
    }
    members |= dict.fromkeys(OTHERS[field], b"other") | (extra or {})
    return f"{eid}_{field}_{instance}_0", members


def write_zip(folder, name, members):
    """Write an item as UK Biobank ships it; return the zip."""
    folder.mkdir(parents=True, exist_ok=True)
    packed_up = io.BytesIO()
    with zipfile.ZipFile(packed_up, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as opened:
        for member, body in members.items():
            opened.writestr(member, body)
    path = folder / f"{name}.zip"
    path.write_bytes(packed_up.getvalue())
    return path


def write_folder(folder, name, members):
    """Write an item as it lies once unpacked; return its folder."""
    for member, body in members.items():
        path = folder / name / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder / name


def damaged(path, member):
    """Flip a byte in the middle of a member of a zip; return the zip."""
    with zipfile.ZipFile(path) as opened:
        entry = opened.getinfo(member)
    body = bytearray(path.read_bytes())
    body[entry.header_offset + 30 + len(member) + entry.compress_size // 2] ^= 0xFF
    path.write_bytes(body)
    return path
