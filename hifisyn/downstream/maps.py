"""The label maps that a downstream task made of a case, kept for figures that show several models side by side."""

from pathlib import Path

import numpy as np

from hifisyn.volume import Volume

FOLDER = "maps"


def map_file(folder: Path, case: str, kind: str) -> Path:
    """Return where the map of a case's scan lies.

    Args:
        folder: of the results of a task.
        case: its name.
        kind: which scan was segmented, such as "real" or "synthetic".
    """
    return folder / FOLDER / f"{case}_{kind}.nii.gz"


def write_map(folder: Path, case: str, kind: str, grid: Volume, labels: np.ndarray) -> None:
    """Write a map (X, Y, Z) of small numbers on the grid of a volume; an earlier one is replaced."""
    grid.with_data(labels.astype(np.uint8)).save(map_file(folder, case, kind), overwrite=True)
