"""What a drawn figure is to those who show it, and the words that captions share."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]

COMPARISON, AFFINITY, EMBEDDING, CURVES = "comparison", "affinity", "embedding", "curves"


@dataclass(frozen=True)
class Drawn:
    """A figure on the disk.

    Attributes:
        path: the PNG file.
        title: a few words.
        caption: whole sentences: what is shown, of how many subjects, on which scale, which figure of the paper it is.
        group: "comparison", "affinity", "embedding" or "curves".
    """

    path: Path
    title: str
    caption: str
    group: str


def how_many(cases: Collection[str], subjects: Mapping[str, str]) -> str:
    """Return how many cases and subjects there are, in words; a case without an entry is its own subject.

    >>> how_many(["a1", "a2", "b"], {"a1": "a", "a2": "a"})
    '3 cases of 2 subjects'
    """
    people = len({subjects.get(case, case) for case in cases})
    return f"{len(cases)} case{'s' * (len(cases) != 1)} of {people} subject{'s' * (people != 1)}"


def split_in_words(split: str) -> str:
    """Return "test" or "validation"."""
    return "validation" if split == "val" else split


def file_name(*parts: str) -> str:
    """Return a PNG's name: letters, digits and dots of the parts, the rest as underscores.

    >>> file_name("affinity", "HiFiSyn sgd=0")
    'affinity_HiFiSyn_sgd_0.png'
    """
    return "_".join("".join(c if c.isalnum() or c in ".-" else "_" for c in part) for part in parts) + ".png"
