"""What killed processes leave: files that were being written."""

from collections.abc import Iterable
from pathlib import Path

PARTIAL = ".partial-*"


def remove_partial_files(folders: Iterable[Path]) -> int:
    """Remove the half files that `hifisyn.files.atomic` would have moved to their place; return how many there were.

    Only where no other process writes into these folders.
    """
    found = [path for folder in folders if folder.is_dir() for path in folder.glob(PARTIAL) if path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
