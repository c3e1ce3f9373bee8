"""Short names of contents: of plain values, of files, and of how files look without being read."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hifisyn import archives
from hifisyn.files import sha256

DIGITS = 32


def digest(*parts: Any) -> str:
    """Return 32 hexadecimal digits that change with any of the plain values.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:DIGITS]


def contents(files: Mapping[str, Path]) -> str:
    """Return the digest of what the files hold, in an archive of what the member holds; a missing one counts too."""
    return digest({name: sha256(path) if archives.exists(path) else "" for name, path in files.items()})


def stamp(files: Mapping[str, Path]) -> str:
    """Return the digest of where the files lie, how large they are and when they were changed; none is opened.

    Of a file in an archive the archive counts. Equal stamps mean equal contents, different ones mean nothing.
    """
    looks = "\n".join(f"{name}: {_look(os.path.abspath(path))}" for name, path in sorted(files.items()))
    return hashlib.sha256(looks.encode(errors="surrogateescape")).hexdigest()[:DIGITS]


def _look(path: str) -> str:
    # Looking for an archive among the parents takes longer than all the rest.
    where = archives.on_disk(path) if any(ending in path.lower() for ending in archives.ENDINGS) else path
    try:
        there = os.stat(where)
    except OSError:
        return f"{path} is not there"
    return f"{path} {there.st_size} {there.st_mtime_ns}"
