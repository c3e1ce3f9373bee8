"""Names that users and files give: each becomes part of a file's name, so it must be one on every file system."""

import unicodedata
from collections.abc import Iterable

from hifisyn.errors import UserError

LONGEST = 200  # bytes; a file system takes 255, and endings follow
SEPARATORS = "/\\"
DEVICES = ("CON", "PRN", "AUX", "NUL", *(f"{kind}{n}" for kind in ("COM", "LPT") for n in range(1, 10)))
HINT = "rename it; letters, digits, - and _ are safe everywhere"


def check_name(name: str, what: str) -> str:
    """Return a name that can be part of a file's name.

    Args:
        name: as it was given.
        what: it is, for the message: "a case", "--name".

    Raises:
        UserError: it is empty, long or hidden, leads elsewhere, holds control characters or bytes that are no text, or
            is a device of Windows.

    >>> check_name("sub-01_ses-02", "a case")
    'sub-01_ses-02'
    >>> check_name("../../etc", "a case")
    Traceback (most recent call last):
    hifisyn.errors.UserError: the name of a case must be usable as a file name (got '../../etc', a path); rename it; \
letters, digits, - and _ are safe everywhere
    """
    if problem := name_problem(name):
        raise UserError(f"the name of {what} must be usable as a file name", got=f"{shown(name)}, {problem}", hint=HINT)
    return name


def name_problem(name: str) -> str:
    """Return why a name cannot be part of a file's name; "" where it can."""
    if not name.strip():
        return "empty"
    if any(character in name for character in SEPARATORS) or name in (".", ".."):
        return "a path"
    if any(unicodedata.category(character) == "Cs" for character in name):
        return "no text in UTF-8"
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        return "with control characters"
    if name.startswith("."):
        return "hidden"
    if name != name.strip() or name.endswith("."):
        return "with blanks or a dot at an end"
    if name.partition(".")[0].upper() in DEVICES:
        return "a device of Windows"
    return "too long" if len(name.encode()) > LONGEST else ""


def check_names(names: Iterable[str], what: str) -> None:
    """Check names that stand side by side: each by itself, and that no two are one file where case does not count.

    Raises:
        UserError: as `check_name`, or two names are the same but for case or accents' spelling.

    >>> check_names(["P01", "p01"], "a case")
    Traceback (most recent call last):
    hifisyn.errors.UserError: the names of cases must differ in more than upper and lower case (got P01 and p01); \
rename one
    """
    seen: dict[str, str] = {}
    for name in names:
        check_name(name, what)
        if (other := seen.setdefault(folded(name), name)) != name:
            kind = what.removeprefix("a ")
            raise UserError(
                f"the names of {kind}s must differ in more than upper and lower case",
                got=f"{other} and {name}",
                hint="rename one",
            )


def check_contrast(name: str, origin: object = "") -> str:
    """Return the name of a contrast: letters and digits of ASCII, such as T1ce.

    Raises:
        UserError: it is no such name.
    """
    if name.isascii() and name.isalnum() and len(name) <= LONGEST:
        return name
    error = UserError(
        "the name of a contrast must be letters and digits, such as T1ce", got=shown(name), hint="rename it"
    )
    raise error.at(origin) if origin else error


def folded(name: str) -> str:
    """Return what two names share where a file system ignores case and how accents are spelled."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def shown(name: str) -> str:
    """Return a name as a message may show it: quoted, in one line, not too long.

    >>> shown("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'"
    """
    text = repr(name).encode("ascii", "backslashreplace").decode() if not name.isprintable() else repr(name)
    return text if len(text) <= 64 else f"{text[:31]}...{text[0]}"
