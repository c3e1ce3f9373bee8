"""SHA-256 of files as their records hold it, compared when a file is first read and again once it has changed."""

from pathlib import Path

from hifisyn.errors import FileError
from hifisyn.files import sha256

State = tuple[int, int, int]
_compared: dict[Path, tuple[State, str]] = {}


def sums(files: dict[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of files by name."""
    return {name: sha256(path) for name, path in files.items()}


def require_sum(path: Path, expected: object, hint: str) -> None:
    """Compare a file with its sum, once as long as its size and time stay; a missing file is left to its reader.

    Args:
        path: the file.
        expected: its sum as the record has it.
        hint: what to do about another one.

    Raises:
        FileError: it is another one.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        return
    state = there.st_size, there.st_mtime_ns, there.st_ino
    if _compared.get(path) == (state, expected):
        return
    digest = sha256(path)
    if digest != expected:
        raise FileError(path, "must be as it was written", got="another SHA-256 than in its record", hint=hint)
    _compared[path] = state, digest
