"""Heads of columns: a title, and the group of columns that it stands under."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True)
class Head:
    """The head of a column.

    Attributes:
        title: of the column.
        group: what neighbouring columns share, such as a direction; "" for none.
    """

    title: str
    group: str = ""

    def __str__(self) -> str:
        """Return both on one line.

        >>> str(Head("SSIM", "T1 to T2")), str(Head("SSIM"))
        ('T1 to T2: SSIM', 'SSIM')
        """
        return f"{self.group}: {self.title}" if self.group else self.title


def heads(*titles: str) -> tuple[Head, ...]:
    """Return heads without groups."""
    return tuple(map(Head, titles))


def groups(head: Sequence[Head]) -> list[tuple[str, list[int]]]:
    """Return the groups of neighbouring columns: name, "" for none, and their places; the first column is in none."""
    named = groupby(range(1, len(head)), key=lambda place: head[place].group)
    return [(name, list(places)) for name, places in named]
