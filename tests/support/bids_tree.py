"""A BIDS data set as they are met: sessions, runs, twins, contrast agent, odd files, derivatives; of phantom heads."""

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from hifisyn.volume import Volume
from tests.support.heads import grid, scan, truth

MNI = "MNI152NLin2009cAsym"
# Our values (CSF 1, GM 2, WM 3) as the specification has them.
TO_STANDARD = np.array([0, 3, 1, 2], np.uint8)
SAGITTAL = grid((26, 24, 18), (8.0, 8.0, 9.0), axes="PSL", degrees=(6, 0, 0))
AXIAL = grid((22, 26, 12), (8.0, 8.0, 14.0), axes="LAS", degrees=(0, 4, 0))
SIDECAR = {"EchoTime": 0.003, "RepetitionTime": 2.3, "Manufacturer": "Siemens", "MagneticFieldStrength": 3}


def build(root: Path) -> Path:
    """Lay the data set out below `root`, with its derivatives, and return its root."""
    describe(root, "A cohort", "raw", License="CC0", DatasetDOI="doi:10.0000/ds000001")
    (root / "README").write_text("Phantom heads in the layout of a cohort, made for tests. " * 4)
    (root / ".bidsignore").write_text("# not of the data set\n*_acq-scout_T1w.*\nextra\n")
    ages = {"sub-01": "31", "sub-02": "n/a", "sub-03": "44"}
    write_table(root / "participants.tsv", [{"participant_id": name, "age": age} for name, age in ages.items()])
    first_participant(root)
    second_participant(root)
    third_participant(root)
    return root


def first_participant(root: Path) -> None:
    """Two sessions; sagittal T1 and axial others, a normalised twin, contrast agent, two runs, a mask of the face."""
    one = root / "sub-01/ses-01/anat"
    save(one / "sub-01_ses-01_T1w.nii.gz", SAGITTAL, "T1")
    save(one / "sub-01_ses-01_rec-norm_T1w.nii.gz", SAGITTAL, "T1", seed=1)
    save(one / "sub-01_ses-01_ce-gadolinium_T1w.nii.gz", SAGITTAL, "T1", seed=2)
    save(one / "sub-01_ses-01_acq-scout_T1w.nii.gz", AXIAL, "T1")
    save(one / "sub-01_ses-01_run-1_T2w.nii.gz", AXIAL, "T2")
    save(one / "sub-01_ses-01_run-2_T2w.nii.gz", AXIAL, "T2", seed=3)
    save(one / "sub-01_ses-01_FLAIR.nii", AXIAL, "FLAIR")
    save_map(one / "sub-01_ses-01_mod-T1w_defacemask.nii.gz", scan(*SAGITTAL)[1])
    two = root / "sub-01/ses-02/anat"
    save(two / "sub-01_ses-02_T1w.nii.gz", SAGITTAL, "T1", seed=4)
    save(two / "sub-01_ses-02_T2w.nii.gz", AXIAL, "T2", seed=4)


def second_participant(root: Path) -> None:
    """No sessions; two acquisitions, magnitude and phase, parts of an MP2RAGE."""
    anat = root / "sub-02/anat"
    save(anat / "sub-02_acq-mprage_T1w.nii.gz", SAGITTAL, "T1", seed=5)
    save(anat / "sub-02_acq-space_run-02_T1w.nii.gz", AXIAL, "T1", seed=6)
    save(anat / "sub-02_acq-space_run-10_T1w.nii.gz", AXIAL, "T1", seed=7)
    save(anat / "sub-02_part-mag_T2w.nii.gz", AXIAL, "T2")
    save(anat / "sub-02_part-phase_T2w.nii.gz", AXIAL, "T2", Units="rad")
    save(anat / "sub-02_PDw.nii.gz", AXIAL, "T2", seed=8)
    for number in (1, 2):
        more: dict[str, Any] = {"InversionTime": 0.7 * number, "FlipAngle": 5, "RepetitionTimePreparation": 5.0}
        more |= {"RepetitionTimeExcitation": 0.007, "NumberShots": 150, "MagneticFieldStrength": 7}
        save(anat / f"sub-02_inv-{number}_MP2RAGE.nii.gz", SAGITTAL, "T1", **more)
    save(anat / "sub-02_UNIT1.nii.gz", SAGITTAL, "T1", seed=9)


def third_participant(root: Path) -> None:
    """A T2 alone, and beside `anat` what is no scan of the brain's anatomy."""
    save(root / "sub-03/anat/sub-03_T2w.nii.gz", AXIAL, "T2", seed=10)
    extra = root / "sub-03/extra"
    extra.mkdir(parents=True)
    (extra / "notes.txt").write_text("not of BIDS")


def add_derivatives(root: Path) -> Path:
    """Lay out derivatives as preprocessing tools and raters leave them, and return their folder."""
    derivatives = root / "derivatives"
    prep = derivatives / "prep"
    describe(prep, "Preprocessing", "derivative", GeneratedBy=[{"Name": "prep", "Version": "1"}])
    (prep / "README").write_text("Masks and segmentations of phantom heads, made for tests. " * 4)
    first_derivatives(prep)
    tissue_probabilities(prep)
    raters = derivatives / "raters"
    describe(raters, "Lesions", "derivative", GeneratedBy=[{"Name": "raters"}])
    (raters / "README").write_text("Lesions drawn by nobody in phantom heads, made for tests. " * 4)
    lesions(raters)
    return derivatives


def first_derivatives(prep: Path) -> None:
    """Of the first session in RAS order, as fMRIPrep writes them; of the second on another grid; some in MNI space."""
    head, brain = scan(*SAGITTAL)
    tissues = truth(head)
    stem = prep / "sub-01/ses-01/anat/sub-01_ses-01"
    save_map(Path(f"{stem}_desc-brain_mask.nii.gz"), brain.canonical(), Type="Brain")
    save_map(Path(f"{stem}_dseg.nii.gz"), head.with_data(TO_STANDARD[tissues]).canonical())
    save_map(Path(f"{stem}_desc-aseg_dseg.nii.gz"), head.with_data(tissues + 40).canonical())
    write_table(prep / "desc-aseg_dseg.tsv", [{"index": "43", "name": "Left-Thalamus"}])
    for what in ("desc-brain_mask", "dseg"):
        name = f"sub-01_ses-01_space-{MNI}_res-2_{what}.nii.gz"
        more = {"Resolution": "coarse", "SpatialReference": "https://templateflow.org/"}
        save_map(stem.parent / name, scan(*AXIAL)[1], **more)
    second = prep / "sub-01/ses-02/anat"
    save_map(second / "sub-01_ses-02_desc-brain_mask.nii.gz", scan(*AXIAL)[1], Type="Brain")


def tissue_probabilities(prep: Path) -> None:
    """Of the second participant: one map a tissue, for one of the two acquisitions."""
    tissues = truth(scan(*SAGITTAL)[0])
    for value, label in enumerate(("CSF", "GM", "WM"), start=1):
        share = np.where(tissues == value, 0.8, np.where(tissues > 0, 0.1, 0.05)).astype(np.float32)
        path = prep / f"sub-02/anat/sub-02_acq-mprage_label-{label}_probseg.nii.gz"
        save_map(path, Volume(share, SAGITTAL[1]))


def lesions(raters: Path) -> None:
    """A mask of one participant, and structures of a tumour of another."""
    mask = ball((10, 12, 9))
    save_map(raters / "sub-01/ses-01/anat/sub-01_ses-01_label-L_mask.nii.gz", mask, Type="Lesion")
    tumour = mask.data * 2
    tumour[10, 12, 9] = 5
    path = raters / "sub-02/anat/sub-02_acq-mprage_desc-tumor_dseg.nii.gz"
    save_map(path, mask.with_data(tumour))
    rows = [{"index": "0", "name": "Background"}, {"index": "2", "name": "oedema"}, {"index": "5", "name": "necrosis"}]
    write_table(path.with_name(path.name.replace(".nii.gz", ".tsv")), rows)


def ball(middle: tuple[int, int, int]) -> Volume:
    """Return a mask on the sagittal grid."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SAGITTAL[0]], indexing="ij"), axis=-1)
    return Volume((((index - np.array(middle)) ** 2).sum(-1) < 5).astype(np.uint8), SAGITTAL[1])


def describe(folder: Path, name: str, kind: str, **more: Any) -> None:
    """Write dataset_description.json."""
    content = {"Name": name, "BIDSVersion": "1.10.1", "DatasetType": kind, "Authors": ["A", "B"], **more}
    write_json(folder / "dataset_description.json", content)


def save(path: Path, where: tuple[tuple[int, int, int], np.ndarray], contrast: str, seed: int = 0, **more: Any) -> None:
    """Save a scan of the head as scanners do, int16 with both forms, and its JSON file."""
    head = scan(*where, contrast, noise=2, seed=seed)[0]
    write_image(path, np.rint(head.data).astype(np.int16), head.affine)
    write_json(sidecar(path), {**SIDECAR, **more})


def save_map(path: Path, volume: Volume, **more: Any) -> None:
    """Save a mask or a segmentation, and its JSON file."""
    write_image(path, volume.data, volume.affine)
    write_json(sidecar(path), {"Description": "of a phantom head", "Sources": ["bids:raw:sub-01"], **more})


def write_image(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nib.save(image, path)


def sidecar(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
