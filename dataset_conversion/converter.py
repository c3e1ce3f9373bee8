"""What every converter is and returns, and the steps they share. A converter makes a folder into a raw data set."""

import argparse
import gzip
import shutil
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.files import atomic
from hifisyn.paths import DATASET_JSON

OWN_FOLDERS = ("imagesTr", "imagesTs", "labelsTr", "labelsTs", "truth")


@dataclass(frozen=True)
class LeftOut:
    """A file that did not make it into the data set, and why."""

    case: str
    file: Path
    reason: str


@dataclass(frozen=True)
class Conversion:
    """A data set as written, and what it lacks."""

    dataset: Dataset
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Converter:
    """One kind of source, as the command line offers it.

    Attributes:
        name: subcommand.
        summary: one line of help.
        dataset_name: name of the data set where the user gives none.
        add_arguments: declares the converter's own options; must not import anything heavy.
        convert: (raw folder of the data set, parsed arguments) -> what was written. The arguments always have
            `name` and `overwrite`.
    """

    name: str
    summary: str
    dataset_name: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    convert: Callable[[Path, argparse.Namespace], Conversion]


def fresh_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the raw folder of a data set; an earlier conversion in it goes only if `overwrite` says so.

    Only what converters write is ever removed.

    Raises:
        UserError: the folder is in use and `overwrite` is false.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: wanted a folder for the data set, found a file; choose another --name")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise UserError(f"{folder}: wanted a new folder, found one in use; pass --overwrite or another --name")
        (folder / DATASET_JSON).unlink(missing_ok=True)
        for name in OWN_FOLDERS:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
    folder.mkdir(parents=True, exist_ok=True)


def read_ids(file: Path) -> list[str]:
    """Read identifiers, one a line; blank lines and lines that start with # do not count.

    Raises:
        UserError: the file is missing or holds none.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
        raise UserError(f"{file}: wanted a text file with one subject a line, found none") from None
    ids = [line for line in lines if line and not line.startswith("#")]
    if not ids:
        raise UserError(f"{file}: wanted one subject a line, found an empty list")
    return ids


def choose_subjects(found: Iterable[str], wanted: Sequence[str] | None, limit: int | None) -> list[str]:
    """Return the subjects to convert: those wanted (all if None), in alphabetical order, at most `limit`.

    Raises:
        UserError: one that is wanted is not there, or the limit is below 1.
    """
    there = sorted(set(found))
    require_known(wanted or [], there)
    if limit is not None and limit < 1:
        raise UserError(f"wanted a limit of 1 subject or more, found {limit}")
    chosen = [s for s in there if wanted is None or s in wanted]
    return chosen[:limit]


def require_known(wanted: Sequence[str], there: Sequence[str]) -> None:
    """Make sure that every wanted subject is there.

    Raises:
        UserError: one is not; those that are there are listed.
    """
    unknown = [s for s in wanted if s not in there]
    if unknown:
        raise UserError(f"wanted the subjects {', '.join(unknown)}, found {', '.join(there) or 'none'}; mend the list")


def check_header(path: Path) -> None:
    """Make sure that a file opens as a 3D NIfTI volume; its voxels are not read.

    Raises:
        UserError: it does not; the reason is named.
    """
    import nibabel as nib
    import numpy as np
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image = nib.load(path)
        shape, affine = image.shape, np.asarray(image.affine)  # type: ignore[attr-defined]
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        if isinstance(error, PermissionError):
            raise UserError(f"{path}: wanted a file that can be read, found no permission; change its mode") from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: wanted a NIfTI image, found a broken file ({reason}); copy it again") from None
    if len(shape) != 3 and not (len(shape) == 4 and shape[3] == 1):
        raise UserError(f"{path}: wanted a 3D volume, found shape {shape}; split or export it again")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise UserError(f"{path}: wanted an affine with three axes, found a singular one; mend the header")


def copy_image(source: Path, target: Path) -> None:
    """Copy an image byte by byte, so that later changes to the raw folder never reach the source.

    A .nii is compressed on the way, since raw folders hold .nii.gz.
    """
    with atomic(target) as temporary:
        if source.name.endswith(".gz"):
            shutil.copyfile(source, temporary)
        else:
            with source.open("rb") as plain, gzip.open(temporary, "wb", compresslevel=6) as packed:
                shutil.copyfileobj(plain, packed)
