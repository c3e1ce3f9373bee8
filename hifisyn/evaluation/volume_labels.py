"""Label maps of volumes: a folder of CASE.nii.gz on the grids of the synthetic volumes, and what their values mean.

The values get names from the labels of a dataset.json in the folder or in the one above it, as in a raw data set, else
they are called "label 1", "label 2" and so on.
"""

from pathlib import Path

import numpy as np

from hifisyn.errors import UserError
from hifisyn.evaluation import regions
from hifisyn.evaluation.pairs import Pair, find_volume
from hifisyn.json_files import read_object
from hifisyn.paths import DATASET_JSON
from hifisyn.volume import Volume


def read(folder: Path, pair: Pair, grid: Volume) -> Volume | None:
    """Return the label map CASE.nii.gz, or CASE_T1.nii.gz, of a pair; none where there is none.

    Raises:
        UserError: it lies on another grid than the synthetic volume.
    """
    file = find_volume(folder, [pair.case, pair.name])
    if file is None:
        return None
    label = Volume.load_labels(file).on_grid_of(grid)
    if label is None:
        raise UserError(f"{file} must be on the grid of {pair.synthetic.name}", hint="resample the labels")
    return label


def names(folder: Path) -> dict[str, int]:
    """Return the names of the labels as a dataset.json in the folder or above it has them; empty without one.

    Raises:
        UserError: the file is broken.
    """
    for file in (folder / DATASET_JSON, folder.resolve().parent / DATASET_JSON):
        if file.is_file():
            try:
                return {str(name): int(value) for name, value in read_object(file)["labels"].items()}
            except (KeyError, TypeError, ValueError, AttributeError):
                raise UserError(f'{file} must hold labels such as {{"GM": 2}}', hint="fix the file") from None
    return {}


def structures(folder: Path, label: np.ndarray) -> dict[str, tuple[int, ...]]:
    """Return the structures of a label map, name to values, see `hifisyn.evaluation.regions.of_labels`."""
    named = regions.of_labels(names(folder))
    return named or {f"label {value}": (int(value),) for value in np.unique(label) if value}
