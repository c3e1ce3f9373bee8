"""The preprocessed slices on disk: one blosc2 array a case and modality, and the record that undoes the steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import blosc2
import numpy as np

from hifisyn.errors import FileError, UserError
from hifisyn.files import atomic, write_json
from hifisyn.json_files import read_object
from hifisyn.preprocessing.neighbours import neighbour_places
from hifisyn.preprocessing.record import untrusted
from hifisyn.sums import require_sum, sums

LABEL, BRAIN = "label", "brain"
ENDING = ".b2nd"
SUMS = "sha256"  # of a record: by array
EXTRACTED_BY = "extracted_by"  # of a record: `slices` and `preprocessing` of the plans


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
            dparams={"nthreads": 1},  # it stands in the file, and with it in its sum
        )


def read_array(
    path: Path, index: int | Sequence[int] | None = None, *, maker: str = "hifisyn_plan_and_preprocess"
) -> np.ndarray:
    """Read a stack (S, H, W) that `write_array` wrote, one slice (H, W) or some slices (n, H, W) of it.

    Args:
        path: the file.
        index: number of the slice or slices; only these are decompressed; none: all.
        maker: the command that writes the file, for the message.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        array = blosc2.open(str(path), mode="r", dparams={"nthreads": 1})
    except FileNotFoundError:
        raise UserError(f"{path} does not exist", hint=f"run {maker}") from None
    except RuntimeError as error:
        raise UserError(
            f"{path} must hold slices", got=f"a broken file: {error}", hint=f"remove it and run {maker}"
        ) from None
    try:
        if not isinstance(index, Sequence):
            return np.asarray(array[:] if index is None else array[index])
        slices = np.empty((len(index), *array.shape[1:]), array.dtype)
        for row, number in zip(slices, index, strict=True):
            row[...] = array[number]
    except (IndexError, RuntimeError) as error:
        raise FileError(path, "must hold the slices of its record", got=error, hint=f"run {maker}") from None
    return slices


class SliceStore:
    """The slices of a data set under one plan.

    A case exists once its record (CASE.json) is written, which happens last; a killed run leaves no half case.
    Arrays are (S, H, W): S axial slices from inferior to superior, H rows from anterior to posterior, W columns
    from the patient's right to the left, which is how radiologists look at them. On a grid of orientation LPS
    that is `volume.data.transpose(2, 1, 0)`.

    All slices that hold brain are stored. Some of them are the training slices, and only those are counted, indexed
    and returned; `neighbours` adds what lies above and below.
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
        *,
        training: Sequence[int] | None = None,
        covered: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Write a case; its record says how to read it.

        Args:
            case: its name.
            images: (S, H, W) float32 in [-1, 1] by modality.
            brain: (S, H, W) bool.
            label: (S, H, W) label map, or none.
            record: what was done. It gains `modalities`, `slices` (the number of training slices), `labelled`,
                `training` and, by modality, `covered`: places in the stack; and `sha256` of each file.
            training: places of the training slices in the stack, ascending; none: all.
            covered: (S,) bool by modality, the slices that the contrast covers; none: all.
        """
        arrays = {m: a.astype(np.float32) for m, a in images.items()} | {BRAIN: brain.astype(np.uint8)}
        if label is not None:
            arrays[LABEL] = label.astype(np.uint8)
        shapes = {a.shape for a in arrays.values()}
        if len(shapes) != 1:
            raise ValueError(f"case {case}: arrays must be of one shape (got {shapes})")
        for name, array in arrays.items():
            write_array(self._path(case, name), array)
        digests = sums({name: self._path(case, name) for name in arrays})
        places = list(range(len(brain)))
        places_of = {m: np.flatnonzero(covered[m]).tolist() if covered else places for m in images}
        training = places if training is None else list(training)
        head = {"case": case, "modalities": list(images), "slices": len(training), "labelled": label is not None}
        head |= {"training": training, "covered": places_of, SUMS: digests}
        write_json(self.folder / f"{case}.json", head | record)

    def record(self, case: str) -> dict[str, Any]:
        """Return the record of a case.

        Raises:
            UserError: the case was not preprocessed.
        """
        path = self.folder / f"{case}.json"
        if not path.exists():
            raise UserError(
                f"{self.folder} must hold slices of case {case}", got="none", hint="run hifisyn_plan_and_preprocess"
            )
        record = read_object(path)
        places = record.get("training", [])
        counted = isinstance(places, list) and all(type(place) is int and place >= 0 for place in places)
        if not (counted and isinstance(record.get("modalities"), list) and isinstance(record.get("slices"), int)):
            raise FileError(path, "must be the record of a case", hint="remove it and run hifisyn_plan_and_preprocess")
        return record

    def paired(self, case: str) -> set[str]:
        """Return the contrasts of a case that may be taken as pairs: all whose registration is trusted."""
        record = self.record(case)
        return set(record["modalities"]) - set(untrusted(record))

    def image(self, case: str, modality: str, index: int | None = None) -> np.ndarray:
        """Return all training slices (S, H, W) or one (H, W) of a modality, float32 in [-1, 1]."""
        return self._read(case, modality, index)

    def brain(self, case: str, index: int | None = None) -> np.ndarray:
        """Return the brain mask, bool, (S, H, W) or (H, W)."""
        return self._read(case, BRAIN, index).astype(bool)

    def label(self, case: str, index: int | None = None) -> np.ndarray:
        """Return the label map, uint8, (S, H, W) or (H, W)."""
        return self._read(case, LABEL, index)

    def neighbours(self, case: str, modality: str, index: int | None, context: int) -> np.ndarray:
        """Return a training slice amid its neighbours, (2 * context + 1, H, W) float32, from inferior to superior.

        Without an index all of them, (S, 2 * context + 1, H, W).

        A neighbour beyond the brain, or one that the contrast does not cover, is replaced as `neighbour_places` does.

        Args:
            case: its name.
            modality: the contrast.
            index: of the training slice; none: all.
            context: neighbours on each side; 0: the slice alone.
        """
        record = self._places(case)
        if index is None:
            return np.stack([self.neighbours(case, modality, n, context) for n in range(len(record["training"]))])
        covered = record["covered"].get(modality, ())
        places = neighbour_places(covered, record["training"][index], context)
        different, places_in_read = np.unique(places, return_inverse=True)
        return read_array(self._checked(case, modality, record), different.tolist())[places_in_read]

    def _path(self, case: str, name: str) -> Path:
        return self.folder / f"{case}_{name}{ENDING}"

    def _read(self, case: str, name: str, index: int | None) -> np.ndarray:
        record = self._places(case)
        places = record["training"]
        return read_array(self._checked(case, name, record), places if index is None else places[index])

    def whole(self, case: str) -> bool:
        """Return whether all files of a case are there and as they were written."""
        try:
            record = self.record(case)
            names = [*record["modalities"], BRAIN, *([LABEL] if record.get("labelled") else [])]
            return all(self._checked(case, name, record).is_file() for name in names)
        except UserError:
            return False

    def files(self, case: str, modalities: Sequence[str]) -> tuple[Path, ...]:
        """Return the files that a case with these contrasts has at least."""
        return tuple(self._path(case, name) for name in (*modalities, BRAIN))

    def _checked(self, case: str, name: str, record: Mapping[str, Any]) -> Path:
        """Return the file of an array.

        Raises:
            UserError: it is not the one that the record was written with.
        """
        path, known = self._path(case, name), record.get(SUMS)
        hint = f"remove {path.with_name(f'{case}.json')} and run hifisyn_plan_and_preprocess"
        require_sum(path, known.get(name) if isinstance(known, dict) else None, hint)
        return path

    def _places(self, case: str) -> dict[str, Any]:
        """Return the record of a case, which holds places in the stack: `training`, and `covered` by modality.

        Raises:
            UserError: the case was not preprocessed, or by an earlier version, which stored other slices.
        """
        record = self.record(case)
        if "training" not in record or SUMS not in record:
            raise UserError(
                f"{self.folder} must hold all slices with brain of case {case}, and their sums",
                got="those of an earlier version",
                hint="run hifisyn_plan_and_preprocess",
            )
        return record
