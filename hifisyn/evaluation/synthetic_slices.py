"""The synthetic slices of an evaluation, stored beside its tables: synthetic/CASE_T1_to_FLAIR.b2nd.

Stacks are (S, H, W) float32 in [-1, 1], -1 outside the brain, slice by slice those of `SliceStore.image(case, ...)`.
Reports and reader studies read them, so that a model translates each case once.
"""

import shutil
from pathlib import Path

import numpy as np

from hifisyn.directions import Direction
from hifisyn.slices import ENDING, read_array, write_array

FOLDER = "synthetic"


def write(evaluation_folder: Path, case: str, source: str, target: str, slices: np.ndarray) -> None:
    """Store (S, H, W) of `target` from `source`, in [-1, 1], as float32; an earlier file is replaced."""
    write_array(_path(evaluation_folder, case, source, target), slices.astype(np.float32))


def read(evaluation_folder: Path, case: str, source: str, target: str) -> np.ndarray:
    """Return (S, H, W) float32 in [-1, 1], -1 outside the brain.

    Raises:
        UserError: the file is missing or broken.
    """
    return read_array(_path(evaluation_folder, case, source, target), maker="hifisyn_evaluate")


def cases(evaluation_folder: Path, source: str, target: str) -> list[str]:
    """Return the cases that are stored in this direction, sorted."""
    ending = _path(evaluation_folder, "", source, target).name
    files = (evaluation_folder / FOLDER).glob(f"*{ending}")
    return sorted(file.name.removesuffix(ending) for file in files if not file.name.startswith("."))


def clear(evaluation_folder: Path) -> None:
    """Remove all that is stored."""
    shutil.rmtree(evaluation_folder / FOLDER, ignore_errors=True)


def _path(evaluation_folder: Path, case: str, source: str, target: str) -> Path:
    return evaluation_folder / FOLDER / f"{case}_{Direction(source, target).key}{ENDING}"
