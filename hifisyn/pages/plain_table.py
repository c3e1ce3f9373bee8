"""A table of plain values, which `plain_table` of pages/parts.html.jinja renders."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PlainTable:
    """A table; the first cell of a row is its heading.

    Attributes:
        caption: above it.
        head: titles of the columns; empty for a table of facts.
        rows: one value a column.
        numbers: places of the columns that are set to the right.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: Collection[int] = ()


def facts_table(caption: str, facts: Iterable[tuple[str, object]]) -> PlainTable:
    """Return a table of two columns without a head, a name and its value; facts without a value are left out."""
    return PlainTable(caption, (), [fact for fact in facts if fact[1] not in ("", None)])
