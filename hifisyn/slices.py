"""The preprocessed slices on disk: one blosc2 array a case and modality, and the record that undoes the steps."""

from pathlib import Path
from typing import Any

import blosc2
import numpy as np

from hifisyn.errors import UserError
from hifisyn.files import atomic, read_json, write_json

LABEL, BRAIN = "label", "brain"
ENDING = ".b2nd"


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a stack (S, H, W) atomically, without loss, compressed slice by slice; a file that is there is replaced."""
    with atomic(path) as temporary:
        temporary.unlink()
        blosc2.asarray(
            np.ascontiguousarray(array),
            urlpath=str(temporary),
            mode="w",
            chunks=(1, *array.shape[1:]),
            cparams={"codec": blosc2.Codec.ZSTD, "clevel": 5, "nthreads": 1},
        )


def read_array(path: Path, index: int | None = None, *, maker: str = "hifisyn_plan_and_preprocess") -> np.ndarray:
    """Read a stack (S, H, W) that `write_array` wrote, or one slice (H, W) of it.

    Args:
        path: the file.
        index: number of the slice; none: all.
        maker: the command that writes the file, for the message.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        array = blosc2.open(str(path), mode="r", dparams={"nthreads": 1})
    except FileNotFoundError:
        raise UserError(f"{path}: wanted slices, found none; run {maker}") from None
    except RuntimeError as error:
        raise UserError(f"{path}: wanted slices, found a broken file ({error}); remove it and run {maker}") from None
    return np.asarray(array[:] if index is None else array[index])


class SliceStore:
    """The slices of a data set under one plan.

    A case exists once its record (CASE.json) is written, which happens last; a killed run leaves no half case.
    Arrays are (S, H, W): S axial slices from inferior to superior, H rows from anterior to posterior, W columns
    from the patient's right to the left, which is how radiologists look at them. On a grid of orientation LPS
    that is `volume.data.transpose(2, 1, 0)`.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    def cases(self) -> list[str]:
        """Names of the complete cases, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json") if not path.name.startswith("."))

    def write(
        self,
        case: str,
        images: dict[str, np.ndarray],
        brain: np.ndarray,
        label: np.ndarray | None,
        record: dict[str, Any],
    ) -> None:
        """Write a case: images (S, H, W) float32 in [-1, 1] by modality, brain mask, label map, record.

        The record gains `modalities`, `slices` and `labelled`, which the readers below go by.
        """
        arrays = {m: a.astype(np.float32) for m, a in images.items()} | {BRAIN: brain.astype(np.uint8)}
        if label is not None:
            arrays[LABEL] = label.astype(np.uint8)
        shapes = {a.shape for a in arrays.values()}
        if len(shapes) != 1:
            raise ValueError(f"case {case}: arrays of one shape are wanted, got {shapes}")
        for name, array in arrays.items():
            write_array(self._path(case, name), array)
        head = {"case": case, "modalities": list(images), "slices": brain.shape[0], "labelled": label is not None}
        write_json(self.folder / f"{case}.json", head | record)

    def record(self, case: str) -> dict[str, Any]:
        """Return the record of a case.

        Raises:
            UserError: the case was not preprocessed.
        """
        path = self.folder / f"{case}.json"
        if not path.exists():
            raise UserError(
                f"{self.folder}: wanted the slices of case {case}, found none; run hifisyn_plan_and_preprocess"
            )
        return read_json(path)

    def image(self, case: str, modality: str, index: int | None = None) -> np.ndarray:
        """Return all slices (S, H, W) or one (H, W) of a modality, float32 in [-1, 1]."""
        return self._read(case, modality, index)

    def brain(self, case: str, index: int | None = None) -> np.ndarray:
        """Return the brain mask, bool, (S, H, W) or (H, W)."""
        return self._read(case, BRAIN, index).astype(bool)

    def label(self, case: str, index: int | None = None) -> np.ndarray:
        """Return the label map, uint8, (S, H, W) or (H, W)."""
        return self._read(case, LABEL, index)

    def _path(self, case: str, name: str) -> Path:
        return self.folder / f"{case}_{name}{ENDING}"

    def _read(self, case: str, name: str, index: int | None) -> np.ndarray:
        return read_array(self._path(case, name), index)
