"""Patterns such as {subject}/{session}/{modality}.nii.gz: what the path of a scan says about it."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from hifisyn import archives
from hifisyn.errors import FileError, UserError

FIELDS = ("subject", "session", "modality")
ENDINGS = (".nii.gz", ".nii")
PARTS = re.compile(r"\{(?P<field>[^{}]*)\}|(?P<folders>(?<![^/])\*\*/)|(?P<deep>\*\*)|(?P<any>\*)|(?P<plain>.)", re.S)
GAP = "[-_. ]"
WILD = {"folders": r"(?:[^/]+/)*", "deep": r".*", "any": r"[^/]*"}


def compiled(
    pattern: str, needed: Collection[str] = ("subject", "modality"), words: Collection[str] = ()
) -> re.Pattern[str]:
    """Return the regular expression that a pattern stands for, over the path of a file below the source.

    A field is one or more characters of a name, as many as possible; one that comes again must say the same again.
    `*` is any part of a name, `**/` any number of folders, and all else is meant as it stands. The ending .nii.gz or
    .nii may be left out.

    Args:
        pattern: as users type it.
        needed: fields that it must have.
        words: what {modality} may be, in lower case; it is read in any case and with `-`, `_`, `.` or a space
            between its letters, and the longest counts: p_T2_FLAIR is the T2-FLAIR of p. None: anything.

    >>> compiled("**/{subject}_{modality}").fullmatch("site1/a/p_01_T1.nii.gz").groupdict()
    {'subject': 'p_01', 'modality': 'T1'}

    Raises:
        UserError: a field is unknown, or one that is needed is missing, or the path is absolute.
    """
    parts = list(PARTS.finditer(pattern))
    fields = [part["field"] for part in parts if part["field"] is not None]
    broken = len(fields) != pattern.count("{") or len(fields) != pattern.count("}")
    if broken or set(fields) - set(FIELDS) or set(needed) - set(fields) or pattern.startswith("/"):
        fields_needed = " and ".join(f"{{{field}}}" for field in needed)
        raise UserError(
            f"a pattern must be a path below SOURCE with {fields_needed}, and {{session}} where subjects have visits",
            got=repr(pattern),
            hint="fix it, as in {subject}/{session}/{modality}.nii.gz",
        )
    seen: set[str] = set()
    expression = "".join(_expression(part, seen, words) for part in parts)
    return re.compile(expression if pattern.endswith(ENDINGS) else expression + r"\.(?i:nii(?:\.gz)?)")


def _expression(part: re.Match[str], seen: set[str], words: Collection[str]) -> str:
    kind, text = str(part.lastgroup), str(part[str(part.lastgroup)])
    if kind == "plain":
        return re.escape(text)
    if kind != "field":
        return WILD[kind]
    if text in seen:
        return f"(?P={text})"
    seen.add(text)
    return f"(?P<{text}>{_any_of(words) if text == 'modality' and words else '[^/]+'})"


def _any_of(words: Collection[str]) -> str:
    """Return what matches any of the words, but not one that is the end of a longer one."""
    return f"(?i:{'|'.join(_alone(word, words) for word in sorted(words, key=len, reverse=True))})"


def _alone(word: str, words: Collection[str]) -> str:
    before = [re.escape(longer.removesuffix(word)) for longer in words if longer.endswith(word) and longer != word]
    guards = "".join(f"(?<!{start})(?<!{start}{GAP})" for start in before)
    return guards + f"{GAP}?".join(map(re.escape, word))


def files_below(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield all files below a folder, in order, archives opened: the path below the source, with slashes, and the path.

    Hidden files do not count. Links to folders are followed, but not to a folder around them.

    Raises:
        UserError: the source is missing, or an archive is broken.
    """
    if _is_archive(source):
        yield from ((file.relative_to(source).as_posix(), file) for file in archives.members(source))
        return
    if not source.is_dir():
        raise FileError(source, "must be the folder of the scans or an archive", hint="check the path")
    for folder, below, names in os.walk(source, followlinks=True):
        here = Path(folder)
        below[:] = sorted(name for name in below if not name.startswith(".") and not _leads_back(here / name))
        for file in (here / name for name in sorted(names) if not name.startswith(".")):
            listed = archives.members(file) if _is_archive(file) else [file]
            yield from ((path.relative_to(source).as_posix(), path) for path in listed)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() in archives.ENDINGS and path.is_file()


def _leads_back(folder: Path) -> bool:
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
