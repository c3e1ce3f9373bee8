"""Work that is done once: whether a folder holds the result of what is asked now, or of something else.

A file in the folder marks the work as done. It is written last, so a killed run leaves none, and holds what was asked,
as plain data, and the caller's own content beside it.

This is for one piece of work and its folder. For one step of thousands of cases see `engine.once_per_case`, which has
the same words (`holds`, `begin`, `finish`) and asks the ledger.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hifisyn.files import write_json
from hifisyn.json_files import read_object

ASKED = "asked"


@dataclass(frozen=True)
class Once:
    """One piece of work and its folder.

    Attributes:
        folder: where the result lies.
        asked: plain data that changes when the result would.
        name: of the file that marks the work as done.
        flat: what was asked stands among the caller's own content in that file, not below a key of its own.
    """

    folder: Path
    asked: Mapping[str, Any]
    name: str = "done.json"
    flat: bool = False

    @property
    def file(self) -> Path:
        """The file that marks the work as done."""
        return self.folder / self.name

    @property
    def holds(self) -> bool:
        """Whether the folder holds the result of the very same request."""
        return self.file.is_file() and not self.changed()

    def changed(self) -> list[str]:
        """Return the keys of the request whose values differ from those of the work that was done.

        Raises:
            UserError: nothing was done here, or the file is broken.
        """
        before, now = self.read(), self._plain()
        if self.flat:
            return [key for key in now if before.get(key) != now[key]]
        before = before.get(ASKED, {})
        if not isinstance(before, dict):
            return list(now)
        return [key for key in (*now, *(k for k in before if k not in now)) if before.get(key) != now.get(key)]

    def read(self) -> dict[str, Any]:
        """Return the content of the file.

        Raises:
            UserError: nothing was done here, or the file is broken.
        """
        return read_object(self.file)

    def begin(self) -> None:
        """Make the folder, and forget that anything was done in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)

    def finish(self, content: Mapping[str, Any] | None = None) -> None:
        """Write down that the work is done, with content of the caller's own."""
        asked = self._plain()
        write_json(self.file, {**(content or {}), **(asked if self.flat else {ASKED: asked})})

    def _plain(self) -> dict[str, Any]:
        """Return what was asked as JSON gives it back: tuples are lists, keys are text."""
        asked: dict[str, Any] = json.loads(json.dumps(dict(self.asked)))
        return asked
