"""How people spell contrasts: the one place that knows that t1c, T1Gd and T1-post are all T1ce."""

from collections.abc import Iterable, Mapping

from hifisyn.dataset import MODALITIES
from hifisyn.errors import UserError

SPELLINGS = {
    "T1": ("t1", "t1w", "t1n"),
    "T2": ("t2", "t2w"),
    "FLAIR": ("flair", "t2f", "t2flair", "flairw"),
    "T1ce": ("t1ce", "t1c", "t1gd", "t1post", "t1wks", "t1km"),
    "PD": ("pd", "pdw"),
}
WORDS = {word: modality for modality, words in SPELLINGS.items() for word in words}


def contrast(word: str, names: Mapping[str, str] | None = None) -> str | None:
    """Return the modality that a word means; none where it means none. Case, `-`, `_`, `.` and spaces do not count.

    Args:
        word: as people write it.
        names: further names, as `parse_names` returns them; they come first.

    >>> contrast("T2-FLAIR"), contrast("t1_post"), contrast("dwi")
    ('FLAIR', 'T1ce', None)
    """
    plain = simplified(word)
    return (names or {}).get(plain) or WORDS.get(plain)


def simplified(word: str) -> str:
    """Return a word in lower case, without what people put between its parts.

    >>> simplified("T1 post-Gd")
    't1postgd'
    """
    return "".join(letter for letter in word.lower() if letter not in "-_. ")


def parse_names(words: Iterable[str]) -> dict[str, str]:
    """Read names of contrasts as users type them.

    >>> parse_names(["MPRAGE=T1", "tse=T2"])
    {'mprage': 'T1', 'tse': 'T2'}

    Raises:
        UserError: one is no NAME=MODALITY.
    """
    names = {}
    for word in words:
        name, _, meaning = word.rpartition("=")
        modality = next((m for m in MODALITIES if m.lower() == meaning.lower()), None)
        if not name or modality is None:
            raise UserError(
                f"a contrast must be named as in mprage=T1, with one of {', '.join(MODALITIES)}", got=repr(word)
            )
        names[simplified(name)] = modality
    return names
