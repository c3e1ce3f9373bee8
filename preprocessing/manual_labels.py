"""Label maps that people correct: exported on the grid of the reference scan's file, imported from there."""

from pathlib import Path

MANUAL = "labels_manual"


def manual_label_path(preprocessed: Path, case: str) -> Path:
    """Return where the corrected label map of a case lies: on the grid of the reference scan as its file has it.

    Args:
        preprocessed: folder of the preprocessed data set.
        case: its name.
    """
    return preprocessed / MANUAL / f"{case}.nii.gz"
