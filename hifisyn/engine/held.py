"""A folder that one process writes at a time, cleared of what killed ones left in it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hifisyn.engine.lock import only_writer
from hifisyn.engine.partial_files import remove_partial_files
from hifisyn.errors import UserError

WRITING = ".writing"
BETWEEN_TRIES = 0.1


@contextmanager
def held(folder: Path, swept: Iterable[Path] = (), *, wait: float = 0.0) -> Iterator[None]:
    """Hold a folder while the block runs; partial files that a killed process left are removed first.

    A folder that is made for this goes again where nothing was written into it.

    Args:
        folder: to write into.
        swept: folders in it that belong to it alone, cleared as well.
        wait: seconds to wait for another process.

    Raises:
        UserError: another process holds it.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with ExitStack() as stack:
            _enter(stack, folder, time.monotonic() + wait)
            remove_partial_files([folder, *swept])
            yield
    finally:
        for each in made:
            with suppress(OSError):
                each.rmdir()


def below(folder: Path) -> list[Path]:
    """Return the folders in a folder, at every depth."""
    return [path for path in folder.rglob("*") if path.is_dir()] if folder.is_dir() else []


def _enter(stack: ExitStack, folder: Path, until: float) -> None:
    while True:
        try:
            stack.enter_context(only_writer(folder, WRITING))
        except UserError:
            if time.monotonic() >= until:
                raise
            time.sleep(BETWEEN_TRIES)
        else:
            return
