"""Which subjects of a source are converted: all, those of a list, or the first few."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from hifisyn.errors import FileError, UserError
from hifisyn.text_files import read_text

LISTED = 8


def read_ids(file: Path) -> list[str]:
    """Read identifiers, one a line; blank lines and lines that start with # do not count.

    Raises:
        UserError: the file is missing or holds none.
    """
    try:
        lines = [line.strip() for line in read_text(file, unicode=False).splitlines()]
    except FileError as error:
        raise FileError(file, "must be a text file with one subject per line", got=error.reason) from None
    ids = [line for line in lines if line and not line.startswith("#")]
    if not ids:
        raise FileError(file, "must hold one subject per line", got="an empty list")
    return ids


def choose_subjects(
    found: Iterable[str], wanted: Collection[str] | None, limit: int | None, *, private: bool = False
) -> set[str]:
    """Return the subjects to convert: those wanted (all if None), at most `limit`, first in alphabetical order.

    Raises:
        UserError: one that is wanted is not there, or the limit is below 1.
    """
    there = set(found)
    require_known(wanted or (), there, private=private)
    if limit is not None and limit < 1:
        raise UserError("--limit must be at least 1", got=limit)
    chosen = there if wanted is None else there.intersection(wanted)
    return set(sorted(chosen)[:limit])


def require_known(wanted: Collection[str], there: Collection[str], *, private: bool = False) -> None:
    """Make sure that every wanted subject is there.

    Raises:
        UserError: one is not; some of both are listed, but of private ones only how many.
    """
    unknown = sorted(set(wanted) - set(there))
    if unknown and private:
        raise UserError(f"{len(unknown)} of {len(set(wanted))} subjects are not in the source", hint="fix the list")
    if unknown:
        raise UserError(
            f"the subjects {_some(unknown)} are not in the source",
            got=_some(sorted(there)) or "none",
            hint="fix the list",
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
