"""Words that the sections share: counts, lists, and texts without paths."""

import re
from collections.abc import Sequence

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[^\s'\"=:,;()]*[/\\])+[^\s'\"=:,;()]*")


def without_paths(text: str, private: bool) -> str:
    """Return a text whose paths are masked where they may identify a participant.

    >>> without_paths("hifisyn_train IXI T1 T2 fold0 --raw /data/12345", private=True)
    'hifisyn_train IXI T1 T2 fold0 --raw PATH'
    """
    return _PATH.sub("PATH", text) if private else text


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "subject"), counted(1200, "subject")
    ('1 subject', '1,200 subjects')
    """
    return f"{count:,} {plural(count, noun)}"


def plural(count: int, noun: str) -> str:
    """Return a noun as it stands after a count."""
    return noun if count == 1 else f"{noun}s"


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    >>> listed(["CSF", "GM", "WM"]), listed(["CSF"])
    ('CSF, GM and WM', 'CSF')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
