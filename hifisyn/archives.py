"""Files inside archives, read where they lie: a path may go on into a .zip or .tar, as in scans.zip/T1/T1.nii.gz.

Nothing is ever unpacked to the disk, so a member's name cannot lead anywhere; names that try are refused all the same.
"""

import errno
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from hifisyn.errors import FileError

ENDINGS = (".zip", ".tar")
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, OverflowError, ValueError),
)

State = tuple[int, int, int]  # what changes with an archive, so that nothing kept of it outlives it


def split(path: Path | str) -> tuple[Path, str] | None:
    """Part a path that leads into an archive: the archive and the member's name; none for an ordinary path.

    A folder whose name ends as archives do is a folder.
    """
    path = Path(path)
    for parent in path.parents:
        if parent.suffix.lower() in ENDINGS and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


def on_disk(path: Path | str) -> Path:
    """Return the file that holds what a path names: the archive where it leads into one, else the path itself."""
    parts = split(path)
    return parts[0] if parts else Path(path)


def exists(path: Path | str) -> bool:
    """Return whether a file is there, on the disk or in an archive that can be read."""
    parts = split(path)
    if parts is None:
        return Path(path).is_file()
    try:
        return Path(path) in members(parts[0])
    except FileError:
        return False


def size_of(path: Path | str) -> int:
    """Return the bytes of a file, on the disk or in an archive, where it is what the member unpacks to.

    Raises:
        FileError: an archive is broken, or lacks the member.
        OSError: an ordinary file is not there.
    """
    parts = split(path)
    if parts is None:
        return Path(path).stat().st_size
    archive, member = parts
    with _errors(archive):
        if archive.suffix.lower() == ".zip":
            return _open_zip(archive, _state(archive), os.getpid()).getinfo(member).file_size
        return _tar_index(archive, _state(archive))[member].size


def members(archive: Path) -> list[Path]:
    """Return the files in an archive as paths that lead into it, in the archive's order; those of macOS are left out.

    Raises:
        FileError: it is broken, or a member's name leads out of it.
    """
    return list(_members(archive, _state(archive)))


@lru_cache(maxsize=4)
def _members(archive: Path, state: State) -> tuple[Path, ...]:
    with _errors(archive):
        if archive.suffix.lower() == ".zip":
            with zipfile.ZipFile(archive) as opened:
                names = [entry.filename for entry in opened.infolist() if not entry.is_dir()]
        else:
            names = list(_tar_index(archive, state))
    for name in names:
        pure = PurePosixPath(name.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts:
            raise FileError(
                archive, "must name only members inside itself", got=repr(name), hint="do not trust this file"
            )
    return tuple(archive / name for name in names if not _of_the_system(name))


def _of_the_system(name: str) -> bool:
    """Return whether a member is what macOS adds to a folder: its files ._NAME bear the endings of scans."""
    *folders, file = PurePosixPath(name).parts
    return "__MACOSX" in folders or file.startswith("._") or file == ".DS_Store"


@lru_cache(maxsize=4)
def _tar_index(archive: Path, state: State) -> dict[str, tarfile.TarInfo]:
    """Return where each file lies: a tar has no table of contents, so that finding one means reading them all."""
    with tarfile.open(archive, "r:") as opened:
        # A name may begin with ./, which a path loses.
        index = {PurePosixPath(entry.name).as_posix(): entry for entry in opened if entry.isfile()}
    with archive.open("rb") as file:  # a tar that is cut off in a header reads as a short one
        file.seek(opened.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")
    return index


@lru_cache(maxsize=4)
def _open_zip(archive: Path, state: State, process: int) -> zipfile.ZipFile:
    """Return an open zip, whose table of contents is read once and not for each of its files.

    Threads may share it; a process that was forked may not, since both would move the same place in the file.
    """
    return zipfile.ZipFile(archive)


@contextmanager
def open_binary(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file for reading, on the disk or in an archive; a zip checks each member's sum when read to its end.

    Raises:
        FileError: an archive is broken, or lacks the member.
        OSError: an ordinary file cannot be opened.
    """
    parts = split(path)
    if parts is None:
        with Path(path).open("rb") as file:
            yield file
        return
    archive, member = parts
    with _errors(archive):
        if archive.suffix.lower() == ".zip":
            with _open_zip(archive, _state(archive), os.getpid()).open(member) as stream:
                yield cast(BinaryIO, stream)
        else:
            entry = _tar_index(archive, _state(archive))[member]
            with tarfile.open(archive, "r:") as packed:
                yield cast(BinaryIO, packed.extractfile(entry))


def _state(archive: Path) -> State:
    status = archive.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


@contextmanager
def _errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise FileError(archive, f"has no member {error.args[0]}", hint="list it with unzip -l") from None
    except RuntimeError as error:
        if "password" not in str(error):
            raise
        raise FileError(archive, "must not be encrypted", got=error, hint="unpack it") from None
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # else a place in the file that cannot be
        reason = str(error) or type(error).__name__
        raise FileError(archive, "must be an archive", got=f"a broken file: {reason}", hint="copy it again") from None
