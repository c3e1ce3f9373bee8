"""The bytes of a NIfTI file, on the disk or in an archive: sized up by its header, then read to its end.

A stream is read past the last voxel, since only its end holds the sum by which a flipped bit is found.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import apply_read_scaling
from nibabel.wrapstruct import WrapStructError

from hifisyn import archives, nifti_header
from hifisyn.errors import FileError, PassingFileError
from hifisyn.memory import free_gib
from hifisyn.troubles import passes

KINDS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
SINGLE_FILE, PAIR = (b"n+1", b"n+2"), (b"ni1", b"ni2")
OTHER = "copy it again, or convert it to .nii.gz"
GZIP = b"\x1f\x8b"
BLOCK = 2**20
DEFLATE_LIMIT = 1032  # bytes that deflate can make of one
SLACK = 0.01  # what may follow the voxels, or packing may add: this share and a block
BYTES_A_VOXEL = 30  # of memory: what reading and the checks that follow take

BROKEN = (EOFError, OSError, zlib.error, ValueError, OverflowError, HeaderDataError, WrapStructError)


def read_header(path: Path) -> Any:
    """Read the header of a NIfTI file as `nifti_header.mended` returns it, and none of the voxels.

    Raises:
        FileError: the file is missing, no NIfTI, too short for its voxels, or has a header that cannot be trusted.
    """
    with _opened(path) as file:
        header = nifti_header.mended(path, file.header)
        file.require_whole()
    return header


def read_image(path: Path) -> tuple[np.ndarray, Any]:
    """Read a NIfTI file: (I, J, K) values, scaled as its header says, and the header as `nifti_header.mended` has it.

    Raises:
        FileError: as `read_header`; or the file is damaged, or needs more memory than there is.
    """
    with _opened(path) as file:
        header = nifti_header.mended(path, file.header)
        file.require_whole()
        file.require_memory()
        values = file.values()
    return values.reshape(header.get_data_shape(), order="F"), header


def is_gzip(stream: BinaryIO) -> bool:
    """Return whether a stream, at its start, is gzip, whatever the file is called; it is at its start again."""
    magic = stream.read(len(GZIP))
    stream.seek(0)
    return magic == GZIP


@dataclass(frozen=True)
class _File:
    """An open NIfTI file whose header was read.

    Attributes:
        path: the file.
        header: NIfTI-1 or 2, either byte order, as it is.
        stream: behind the header, unpacked.
        size: bytes as they are stored.
        packed: whether they are gzip.
    """

    path: Path
    header: Any
    stream: BinaryIO
    size: int
    packed: bool

    @property
    def voxels(self) -> int:
        return math.prod(int(n) for n in self.header.get_data_shape())

    @property
    def offset(self) -> int:
        """Bytes before the first voxel."""
        return int(self.header.get_data_offset())

    @property
    def needed(self) -> int:
        """Bytes up to the last voxel."""
        return self.offset + self.voxels * int(self.header.get_data_dtype().itemsize)

    def require_whole(self) -> None:
        """Check that there are as many bytes as the header says, or can be once they are unpacked."""
        most = self.size * (DEFLATE_LIMIT if self.packed else 1)
        if most < self.needed:
            got = f"{_mib(self.size)} where the header says {_mib(self.needed)}"
            raise FileError(self.path, "must hold all of its voxels", got=got, hint="copy it again")
        if self.size > (1 + SLACK) * self.needed + BLOCK:
            got = f"{_mib(self.size)} where the header says {_mib(self.needed)}"
            raise FileError(self.path, "must hold its voxels alone", got=got, hint="export the scan again")

    def require_memory(self) -> None:
        needs, free = self.voxels * BYTES_A_VOXEL / 2**30, free_gib()
        if free is not None and needs > free:
            raise PassingFileError(
                self.path,
                "must fit the memory",
                got=f"needs {needs:.1f} GiB of {max(free, 0):.1f} GiB free",
                hint="check dim in its header, or use a machine with more memory",
            )

    def values(self) -> np.ndarray:
        """Read all voxels, scaled, in the order of the file; then the stream to its end."""
        _skip(self.stream, self.offset - self.header.sizeof_hdr)
        kind = self.header.get_data_dtype()
        stored = np.empty(self.voxels * kind.itemsize, np.uint8)
        _read_into(self.stream, stored.data)
        while self.stream.read(BLOCK):
            pass
        slope, inter = self.header.get_slope_inter()
        values: np.ndarray = apply_read_scaling(stored.view(kind), slope, inter)
        return values


@contextmanager
def _opened(path: Path) -> Iterator[_File]:
    """Open a NIfTI file and read its header; what is wrong with it becomes one line."""
    try:
        with archives.open_binary(path) as stream, _one_line(path):
            packed = is_gzip(stream)
            plain = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if packed else stream
            yield _File(path, _parsed(path, plain), plain, archives.size_of(path), packed)
    except FileNotFoundError:
        raise FileError(path, "does not exist") from None
    except IsADirectoryError:
        raise FileError(path, "must be a NIfTI image", got="a folder") from None


def _parsed(path: Path, stream: BinaryIO) -> Any:
    """Read a header and check nothing but that it is one."""
    start = stream.read(4)
    kinds = [KINDS.get(int.from_bytes(start, order)) for order in ("little", "big")]
    kind = next((kind for kind in kinds if kind), None)
    if kind is None:
        got = "no NIfTI header" if start else "an empty file"
        raise FileError(path, "must be a NIfTI image", got=f"a broken file: {got}", hint=OTHER)
    content = start + stream.read(kind.sizeof_hdr - len(start))
    header: Any = cast(Any, kind)(content, check=False)
    magic = bytes(header["magic"].item())[:3]
    if magic in PAIR:
        raise FileError(path, "must be one NIfTI file", got="a pair (.hdr and .img)", hint=OTHER)
    if magic not in SINGLE_FILE:
        got = f"a broken file: magic {magic!r}"
        raise FileError(path, "must be a NIfTI image", got=got, hint="copy it again")
    if header.get_data_offset() < header.sizeof_hdr:
        got = f"a broken file: vox_offset {header.get_data_offset()}"
        raise FileError(path, "must be a NIfTI image", got=got, hint="copy it again")
    return header


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        if passes(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(path, "must be a NIfTI image", got=f"a broken file: {reason}", hint="copy it again") from None


def _skip(stream: BinaryIO, count: int) -> None:
    while count > 0:
        block = stream.read(min(count, BLOCK))
        if not block:
            raise EOFError(f"it ends {count} bytes before the voxels")
        count -= len(block)


def _read_into(stream: BinaryIO, rest: memoryview) -> None:
    """Fill bytes from a stream.

    Raises:
        EOFError: it ends before.
    """
    while rest:
        count = stream.readinto(rest[:BLOCK])  # type: ignore[attr-defined]
        if not count:
            raise EOFError(f"it ends {len(rest)} bytes early")
        rest = rest[count:]


def _mib(size: int) -> str:
    return f"{size / 2**20:.3g} MiB"
