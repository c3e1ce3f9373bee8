"""Partial files: what killed processes were writing."""

from collections.abc import Iterable
from pathlib import Path

PARTIAL = ".partial-*"


def remove_partial_files(folders: Iterable[Path]) -> int:
    """Remove the files that `hifisyn.files.atomic` did not come to move into place; return how many there were.

    Only where no other process writes into these folders.
    """
    files = [path for folder in folders if folder.is_dir() for path in folder.glob(PARTIAL) if path.is_file()]
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)
