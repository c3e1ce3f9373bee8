"""The files of cases placed in a raw folder: copied, or referred to where they lie, label maps rewritten."""

import errno
import gzip
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hifisyn import archives
from hifisyn.dataset import Case
from hifisyn.dataset_conversion.converter import LeftOut
from hifisyn.dataset_conversion.source import Found
from hifisyn.engine.progress import Progress
from hifisyn.errors import FileError, UserError
from hifisyn.files import atomic
from hifisyn.nifti_stream import is_gzip, read_header
from hifisyn.raw_files import brain_path, image_path, label_path

Place = Literal["copy", "refer"]


def place_all(
    cases: Sequence[Case], found: Found, folder: Path, place: Place, held_out: Collection[str]
) -> tuple[dict[str, Case], list[LeftOut]]:
    """Return the cases as they lie in the raw folder, and the files that turned out to be broken."""
    progress = Progress("convert", len(cases))
    there, left_out = {}, []
    for case in cases:
        placed, broken = _place(case, found, folder, place, test=case.subject in held_out)
        if placed.images:
            there[case.name] = placed
        left_out += broken
        progress.step(case.name, failed=bool(broken))
    return there, left_out


def _place(case: Case, found: Found, folder: Path, place: Place, *, test: bool) -> tuple[Case, list[LeftOut]]:
    """Return the case as it lies in the raw folder, its files copied if so requested, and those that are broken."""
    targets = {modality: image_path(folder, case.name, modality, test=test) for modality in case.images}
    targets |= {"label": label_path(folder, case.name, test=test), "brain": brain_path(folder, case.name, test=test)}
    write_label = None if found.keeps_label(case) else found.write_label
    there: dict[str, Path] = {}
    left_out = []
    for what, path in case.files.items():
        there[what] = targets[what]
        try:
            if what == "label" and write_label:
                write_label(case, targets[what])
            elif place == "copy":
                copy_image(path, targets[what])
            else:
                there[what] = path.absolute()
        except UserError as error:
            del there[what]
            reason = error.reason if isinstance(error, FileError) and error.file == path else str(error)
            left_out.append(leave_out(case, what, reason, found))
    label, brain = there.pop("label", None), there.pop("brain", None)
    return replace(case, images=there, label=label, brain=brain), left_out


def leave_out(case: Case, what: str, reason: str, found: Found) -> LeftOut:
    """Return why a file of a case is left out; a private one is named by its case."""
    if found.private:
        return LeftOut(case.name, Path(f"{case.name}_{what}"), case.hide_paths(reason))
    return LeftOut(case.name, case.files[what], reason)


def copy_image(source: Path, target: Path) -> None:
    """Copy an image byte by byte, so that later changes to the raw folder never reach the source.

    What is not compressed is compressed on the way, since raw folders hold .nii.gz. A copy that has the size and the
    time of its source is not written again.
    """
    if _same_file(source, target):
        return
    require_room(source, target.parent)
    with atomic(target) as temporary, archives.open_binary(source) as original:
        if is_gzip(original):
            with temporary.open("wb") as copy:
                shutil.copyfileobj(original, copy)
        else:
            with temporary.open("wb") as packed, gzip.GzipFile("", "wb", 6, packed, mtime=0) as copy:
                shutil.copyfileobj(original, copy)
    if archives.split(source) is None:
        shutil.copystat(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o200)


def require_room(source: Path, folder: Path) -> None:
    """Check that an image holds what its header says and that the disk has room for it, before it is copied.

    Raises:
        FileError: it claims or holds far more than it should.
        OSError: the disk has no room.
    """
    read_header(source)
    needs, free = archives.size_of(source), shutil.disk_usage(folder if folder.is_dir() else folder.parent).free
    if needs > free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _same_file(source: Path, target: Path) -> bool:
    if not target.exists() or archives.split(source) is not None:
        return False
    one, other = source.stat(), target.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
