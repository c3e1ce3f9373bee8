"""Lays out releases of BraTS as they ship, filled from the head by formula: true names, axes, origin and types."""

import nibabel as nib
import numpy as np

from tests.support.heads import scan

OLD = {"T1": "_t1", "T1ce": "_t1ce", "T2": "_t2", "FLAIR": "_flair", "label": "_seg"}
NEW = {"T1": "-t1n", "T1ce": "-t1c", "T2": "-t2w", "FLAIR": "-t2f", "label": "-seg"}
TARGET = {"T1ce": "_t1c", "label": "_gtv"}
FOUR = ("T1", "T1ce", "T2", "FLAIR")
# SRI24: 240x240x155 voxels of 1 mm, ITK origin (0, -239, 0) and identity direction, so L, P, S for NIfTI.
SRI24 = (240, 240, 155), np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
MNI152 = (182, 218, 182), np.array([[-1.0, 0, 0, 90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1]])
LESION_AT = np.array([24.0, 30.0, 10.0])  # mm in the head
LESION_MM = (7, 11, 17, 20)  # shells from the inside out


def shrunk(space, shrink):
    """Return the shape and the affine of a grid that covers the same space with voxels so many times longer."""
    shape, affine = space
    return tuple(n // shrink for n in shape), affine @ np.diag([shrink, shrink, shrink, 1.0])


def blank(values, space=SRI24, shrink=24):
    """Return four contrasts without a head and a label map that holds the values: enough where only names count."""
    shape, affine = shrunk(space, shrink)
    rng = np.random.default_rng(0)
    volumes = {contrast: rng.integers(1, 900, shape).astype(np.int16) for contrast in FOUR}
    label = np.zeros(shape, np.int16)
    label.flat[: 3 * len(values)] = np.repeat(values, 3)
    return volumes | {"label": label}, affine


def middle(shape, affine):
    """Return where a head lies that is in the middle of a grid, as `heads.scan` takes it."""
    pose = np.eye(4)
    pose[:3, 3] = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    return pose


def head(values, space=SRI24, shrink=5, seed=0):
    """Return four contrasts of a stripped head with a lesion of so many shells, and its label map."""
    shape, affine = shrunk(space, shrink)
    pose = middle(shape, affine)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    distance = np.linalg.norm(index @ affine[:3, :3].T + affine[:3, 3] - pose[:3, 3] - LESION_AT, axis=-1)
    label = np.zeros(shape, np.int16)
    for value, radius in reversed(list(zip(values, LESION_MM, strict=False))):
        label[distance < radius] = value
    volumes = {}
    for contrast in FOUR:
        volume, _ = scan(shape, affine, contrast.removesuffix("ce"), pose=pose, noise=2, stripped=True, seed=seed)
        volumes[contrast] = np.where(label > 0, 40 + 60 * label, volume.data).astype(np.int16)
    return volumes | {"label": label}, affine


def write(path, data, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    nib.save(image, path)
    return path


def case(folder, style, content, *, without=(), ending=".nii.gz"):
    """Write the files of one case into its folder, which bears its name."""
    volumes, affine = content
    for what, suffix in style.items():
        if what not in without:
            write(folder / f"{folder.name}{suffix}{ending}", volumes[what], affine)
    return folder


# Folder of the release, folder of a case in it, suffixes, space, and the values of label maps with their meaning.
UP_TO_2021 = {1: "necrosis", 2: "oedema", 4: "enhancing"}
SINCE_2023 = {1: "necrosis", 2: "oedema", 3: "enhancing"}
RELEASES = {
    "2018": ("MICCAI_BraTS_2018_Data_Training/HGG", "Brats18_CBICA_AAB_1", OLD, SRI24, UP_TO_2021),
    "2019": ("MICCAI_BraTS_2019_Data_Training/LGG", "BraTS19_TCIA10_109_1", OLD, SRI24, UP_TO_2021),
    "2020": ("BraTS2020_TrainingData/MICCAI_BraTS2020_TrainingData", "BraTS20_Training_001", OLD, SRI24, UP_TO_2021),
    "2021": ("RSNA_ASNR_MICCAI_BraTS2021_TrainingData_16July2021", "BraTS2021_00000", OLD, SRI24, UP_TO_2021),
    "2023-GLI": (
        "ASNR-MICCAI-BraTS2023-GLI-Challenge-TrainingData",
        "BraTS-GLI-00000-000",
        NEW,
        SRI24,
        SINCE_2023,
    ),
    "2024-GLI": (
        "BraTS2024-BraTS-GLI-TrainingData/training_data1_v2",
        "BraTS-GLI-03011-101",
        NEW,
        MNI152,
        SINCE_2023 | {4: "resection_cavity"},
    ),
    "2023-MEN": ("BraTS-MEN-Train", "BraTS-MEN-00004-000", NEW, SRI24, SINCE_2023),
    "2023-MET": (
        "ASNR-MICCAI-BraTS2023-MET-Challenge-TrainingData",
        "BraTS-MET-00002-000",
        NEW,
        SRI24,
        SINCE_2023,
    ),
    "2024-MET": ("MICCAI-BraTS2024-MET-Challenge-Training_1", "BraTS-MET-00559-003", NEW, SRI24, SINCE_2023),
    "2023-SSA": (
        "ASNR-MICCAI-BraTS2023-SSA-Challenge-TrainingData_V2",
        "BraTS-SSA-00002-000",
        NEW,
        SRI24,
        SINCE_2023,
    ),
    "2024-SSA": ("BraTS2024-SSA-Challenge-ValidationData", "BraTS-SSA-00126-000", NEW, SRI24, SINCE_2023),
    "2023-PED": (
        "ASNR-MICCAI-BraTS2023-PED-Challenge-TrainingData",
        "BraTS-PED-00002-000",
        NEW,
        SRI24,
        SINCE_2023,
    ),
    "2024-PED": (
        "BraTS-PEDs2024_Training",
        "BraTS-PED-00001-000",
        NEW,
        SRI24,
        {1: "enhancing", 2: "necrosis", 3: "cyst", 4: "oedema"},
    ),
    "2024-GoAT": (
        "MICCAI2024-BraTS-GoAT-TrainingData-With-GroundTruth",
        "BraTS-GoAT-00000",
        NEW,
        SRI24,
        SINCE_2023,
    ),
    "2024-MEN-RT": (
        "BraTS2024-MEN-RT-TrainingData/BraTS-MEN-RT-Train-v2",
        "BraTS-MEN-RT-0002-1",
        TARGET,
        MNI152,
        {1: "gross_tumour"},
    ),
}


def release(root, name, *, case_name=None, content=blank, **options):
    """Write one case of a release below `root`; return the folder of the release."""
    folder, usual, style, space, labels = RELEASES[name]
    case(root / folder / (case_name or usual), style, content(list(labels), space), **options)
    return root / folder


def name_map(path, header, *rows, separator=",", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [header, *rows]
    path.write_text("\r\n".join(line.replace(",", separator) for line in lines) + "\r\n", encoding=encoding)
    return path


MAP_2020 = (
    "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,BraTS_2019_subject_ID,BraTS_2020_subject_ID"
)
MAP_2021 = (
    "BraTS2021,BraTS2020,BraTS2019,BraTS2018,BraTS2017,Cohort Name (if publicly available),"
    "Site No (represents the originating institution),Local ID"
)
MAP_2023 = f"BraTS2023,{MAP_2021}"
