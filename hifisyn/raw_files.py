"""Where the files of a case lie in a raw folder, and what their names hold."""

import re
from pathlib import Path

FILE_ENDING = ".nii.gz"
ENDING = re.compile(r"\.nii(\.gz)?", re.IGNORECASE)
OTHER_FORMATS = (".img", ".hdr", ".mgz", ".mgh", ".nrrd", ".mha", ".dcm")


def image_path(folder: Path, case: str, modality: str, *, test: bool = False) -> Path:
    """Return where the image of a case lies in a raw folder: imagesTr/IXI012_T1.nii.gz."""
    return folder / ("imagesTs" if test else "imagesTr") / f"{case}_{modality}{FILE_ENDING}"


def label_path(folder: Path, case: str, *, test: bool = False) -> Path:
    """Return where the label map of a case lies in a raw folder: labelsTr/IXI012.nii.gz."""
    return folder / ("labelsTs" if test else "labelsTr") / f"{case}{FILE_ENDING}"


def brain_path(folder: Path, case: str, *, test: bool = False) -> Path:
    """Return where the user's own brain mask of a case lies in a raw folder: brainsTr/IXI012.nii.gz."""
    return folder / ("brainsTs" if test else "brainsTr") / f"{case}{FILE_ENDING}"


def is_nifti(file: Path) -> bool:
    """Return whether a file's name ends as that of NIfTI, .nii or .nii.gz in any case."""
    return stem_of(file) != file.name


def stem_of(file: Path) -> str:
    """Return a file's name without .nii or .nii.gz, in any case.

    >>> stem_of(Path("raw/IXI012_T1.nii.gz")), stem_of(Path("IXI012_T1.NII"))
    ('IXI012_T1', 'IXI012_T1')
    """
    return ENDING.sub("", file.name)


def split_name(file: Path, modalities: tuple[str, ...]) -> tuple[str, str] | None:
    """Split a file name into case and modality; none where the suffix is no modality.

    >>> split_name(Path("IXI012_T2.nii.gz"), ("T1", "T2"))
    ('IXI012', 'T2')
    >>> split_name(Path("IXI012_0000.nii.gz"), ("T1", "T2"))
    ('IXI012', 'T1')
    """
    case, _, suffix = stem_of(file).rpartition("_")
    if not case:
        return None
    if suffix.isdecimal() and len(suffix) == 4 and int(suffix) < len(modalities):
        return case, modalities[int(suffix)]
    known = {m.lower(): m for m in modalities}
    return (case, known[suffix.lower()]) if suffix.lower() in known else None
