"""What a model made of the cases it was evaluated on, kept beside the tables: synthetic/CASE_T1_to_FLAIR.b2nd.

Stacks are (S, H, W) float32 in [-1, 1], -1 outside the brain, slice by slice those of `SliceStore.image(case, ...)`.
Reports, readers' studies and downstream tasks read them, so that a model translates each case once.
"""

import shutil
from pathlib import Path

import numpy as np

from hifisyn.directions import Direction
from hifisyn.slices import ENDING, read_array, write_array

FOLDER = "synthetic"


def write(evaluation_folder: Path, case: str, source: str, target: str, slices: np.ndarray) -> None:
    """Keep (S, H, W) in [-1, 1] of `target` made from `source`, as float32; an earlier file is replaced."""
    write_array(_path(evaluation_folder, case, source, target), slices.astype(np.float32))


def read(evaluation_folder: Path, case: str, source: str, target: str) -> np.ndarray:
    """Return (S, H, W) float32 in [-1, 1], -1 outside the brain.

    Raises:
        UserError: the file is missing or broken.
    """
    return read_array(_path(evaluation_folder, case, source, target), maker="hifisyn_evaluate")


def cases(evaluation_folder: Path, source: str, target: str) -> list[str]:
    """Return the cases that are kept in this direction, sorted; none where nothing is."""
    ending = _path(evaluation_folder, "", source, target).name
    files = (evaluation_folder / FOLDER).glob(f"*{ending}")
    return sorted(file.name.removesuffix(ending) for file in files if not file.name.startswith("."))


def clear(evaluation_folder: Path) -> None:
    """Remove all that is kept."""
    shutil.rmtree(evaluation_folder / FOLDER, ignore_errors=True)


def _path(evaluation_folder: Path, case: str, source: str, target: str) -> Path:
    return evaluation_folder / FOLDER / f"{case}_{Direction(source, target).key}{ENDING}"
