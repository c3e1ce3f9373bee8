"""Writing files so that a killed process leaves either the old file or the new one, never half of one."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hifisyn import archives

BLOCK = 2**20


@contextmanager
def atomic(path: Path | str, *, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; move it there once the block ends without an error.

    The temporary name ends as `path` does, so writers that look at the ending write the same format. A private file
    is for its owner alone (mode 0600).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ending = "".join(path.suffixes[-2:])
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix=ending, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o600 if private else 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _umask() -> int:
    """Return the process's file mode mask, which mkstemp ignores."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str, *, private: bool = False) -> None:
    """Write `text` to `path` atomically, as UTF-8; a private file is for its owner alone."""
    with atomic(path, private=private) as temporary:
        temporary.write_text(text, encoding="utf-8")


def update_text(path: Path | str, text: str, *, private: bool = False) -> None:
    """Write `text` unless `path` holds just that, so that its time is when it changed."""
    path = Path(path)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text, private=private)


def write_json(path: Path | str, value: Any, *, private: bool = False) -> None:
    """Write plain data to `path` atomically, indented, keys in the order given; a private file is for its owner."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", private=private)


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file, on the disk or in an archive, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with archives.open_binary(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
