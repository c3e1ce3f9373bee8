"""Heads of columns: "GROUP: TITLE" puts a column under the head of a group."""

from collections.abc import Sequence
from itertools import groupby


def groups(head: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the groups of neighbouring columns: name, "" for none, and their places; the first column is in none."""
    named = groupby(range(1, len(head)), key=lambda place: head[place].rpartition(": ")[0])
    return [(name, list(places)) for name, places in named]


def title(head: str) -> str:
    """Return a head without its group.

    >>> title("T1 to T2: SSIM"), title("SSIM")
    ('SSIM', 'SSIM')
    """
    return head.rpartition(": ")[2]
