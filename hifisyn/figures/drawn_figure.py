"""A figure on disk as those who show it need it, and the words that captions share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class FigureGroup(StrEnum):
    """Kinds of figures; those of one kind stand together."""

    COMPARISON = "comparison"
    SEGMENTATION = "segmentation"
    AFFINITY = "affinity"
    EMBEDDING = "embedding"
    CONFIDENCE = "confidence"
    CURVES = "curves"


@dataclass(frozen=True)
class DrawnFigure:
    """A figure on disk.

    Attributes:
        path: the PNG file.
        title: a few words.
        caption: whole sentences: what is shown, of how many subjects, on which scale, which figure of the paper it is.
        group: its kind.
    """

    path: Path
    title: str
    caption: str
    group: FigureGroup


def count_cases(cases: Collection[str], subjects: Mapping[str, str]) -> str:
    """Return how many cases and subjects there are, in words; a case without an entry is its own subject.

    >>> count_cases(["a1", "a2", "b"], {"a1": "a", "a2": "a"})
    '3 cases of 2 subjects'
    """
    people = len({subjects.get(case, case) for case in cases})
    return f"{len(cases)} case{'s' * (len(cases) != 1)} of {people} subject{'s' * (people != 1)}"


def split_name(split: str) -> str:
    """Return "test" or "validation"."""
    return "validation" if split == "val" else split


def file_name(*parts: str) -> str:
    """Return a PNG's name: letters, digits and dots of the parts, the rest as underscores.

    >>> file_name("affinity", "HiFiSyn sgd=0")
    'affinity_HiFiSyn_sgd_0.png'
    """
    return "_".join("".join(c if c.isalnum() or c in ".-" else "_" for c in part) for part in parts) + ".png"
