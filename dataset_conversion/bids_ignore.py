"""The .bidsignore of a data set: which files do not belong to it. Its syntax is that of .gitignore."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

FILE = ".bidsignore"
# A wildcard and what it stands for; ** before * , since the first that fits is taken.
WILDCARDS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
TOKEN = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[!?[^\]]+\]|\\?.")


class Ignore:
    """Decides which files are ignored; the last pattern that fits decides.

    >>> ignore = Ignore(["extra/", "*_T2w.nii.gz", "!sub-01/**/*_T2w.nii.gz"])
    >>> [ignore(name) for name in ("sub-01/extra/x.txt", "sub-01/anat/a_T2w.nii.gz", "sub-02/anat/a_T2w.nii.gz")]
    [True, False, True]
    """

    def __init__(self, lines: Iterable[str] = ()) -> None:
        stripped = (line.rstrip() for line in lines)
        self._rules = [_rule(line) for line in stripped if line and not line.startswith("#")]

    @classmethod
    def read(cls, root: Path) -> "Ignore":
        """Read the .bidsignore of a data set; one that lacks ignores nothing."""
        try:
            return cls((root / FILE).read_text(encoding="utf-8", errors="replace").splitlines())
        except OSError:
            return cls()

    def __call__(self, relative: PurePosixPath | str) -> bool:
        """Return whether a file is ignored, by its path from the root of the data set."""
        ignored = False
        for pattern, ignores in self._rules:
            if ignores != ignored and pattern.fullmatch(str(relative)):
                ignored = ignores
        return ignored


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    """Return a pattern for paths of files, and whether those that fit are ignored."""
    ignores = not line.startswith("!")
    glob = line if ignores else line[1:]
    body = glob.strip("/")
    # A slash in the beginning or the middle ties the pattern to the root.
    anywhere = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    below = "/.*" if glob.endswith("/") else "(?:/.*)?"
    return re.compile(anywhere + "".join(map(_translated, TOKEN.findall(body))) + below), ignores


def _translated(token: str) -> str:
    if token in WILDCARDS:
        return WILDCARDS[token]
    if len(token) > 2 and token.startswith("["):
        return "[^" + token[2:] if token.startswith("[!") else token
    return re.escape(token.removeprefix("\\") or token)
