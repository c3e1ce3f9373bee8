"""A raw data set of stripped heads on one grid with labels, and a model whose answer is known, for augmented sets."""

from pathlib import Path

import nibabel as nib
import numpy as np

from hifisyn.files import write_json, write_text
from hifisyn.paths import Roots
from tests.support.downstream_clinic import AFFINE as UPRIGHT
from tests.support.downstream_clinic import LABELS, anatomy, scan, write_model

AFFINE = UPRIGHT @ np.diag([-1.0, 1, 1, 1])  # left on the right, as scanners write

SUBJECTS = {"a": "P1", "b": "P1", "c": "P3", "d": "P4", "e": "P5", "f": "P6", "g": "P7", "x": "P8"}
SITES = {"P1": "HH", "P3": "HH", "P4": "HH", "P5": "IOP", "P6": "IOP"}
WITHOUT_T2, WITHOUT_LABEL, WITHOUT_LESION = "e", "g", ("c", "d", "f")
NAME_OF_A_PERSON = b"Jane Doe"


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write a file whose header tells a name, under a sform and a qform."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header["descrip"] = NAME_OF_A_PERSON
    nib.save(image, path)


def label_of(case: str) -> np.ndarray:
    """Return the label map of a case."""
    labels = anatomy(sorted(SUBJECTS).index(case))
    return np.where(labels == LABELS["lesion"], LABELS["WM"], labels) if case in WITHOUT_LESION else labels


def write_cohort(folder: Path, **described: object) -> Path:
    """Write the data set: a to g to train on, a and b of one person, x held out.

    Args:
        folder: of the data set.
        described: further keys of dataset.json.
    """
    entries: dict[str, dict[str, object]] = {}
    for number, case in enumerate(sorted(SUBJECTS)):
        where = "Ts" if case == "x" else "Tr"
        labels, contrasts = label_of(case), ("T1",) if case == WITHOUT_T2 else ("T1", "T2")
        for contrast in contrasts:
            image = np.where(labels > 0, scan(labels, contrast, number), 0)
            save(folder / f"images{where}" / f"{case}_{contrast}.nii.gz", image.astype(np.int16))
        entries[case] = {"images": [f"images{where}/{case}_{contrast}.nii.gz" for contrast in contrasts]}
        if case != WITHOUT_LABEL:
            save(folder / f"labels{where}" / f"{case}.nii.gz", labels.astype(np.uint8))
            entries[case]["label"] = f"labels{where}/{case}.nii.gz"
    content = {
        "name": "MS",
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": LABELS,
        "numTraining": len(entries) - 1,
        "file_ending": ".nii.gz",
        "skull_stripped": True,
        "registered": True,
        "subjects": SUBJECTS,
        "dataset": {case: entry for case, entry in entries.items() if case != "x"},
        "test": {"x": entries["x"]},
    }
    write_json(folder / "dataset.json", content | described)
    rows = ["participant_id\tsite", *(f"{subject}\t{site}" for subject, site in SITES.items())]
    write_text(folder / "participants.tsv", "\n".join(rows) + "\n")
    return folder


def write_inverse_model(home: Path) -> Path:
    """Write a model that turns intensities upside down, about what T2 is to T1 here."""
    return write_model(Roots(home / "raw", home / "pre", home / "res"))
