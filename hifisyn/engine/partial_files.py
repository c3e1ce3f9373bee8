"""Partial files: what killed processes were writing."""

import shutil
from collections.abc import Iterable
from pathlib import Path

PARTIAL = ".partial-*"


def remove_partial_files(folders: Iterable[Path]) -> int:
    """Remove the files and folders that were not moved into place; return how many there were.

    Only where no other process writes into these folders.
    """
    partial = [path for folder in folders if folder.is_dir() for path in folder.glob(PARTIAL)]
    for path in partial:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(partial)
