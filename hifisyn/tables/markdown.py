"""A table as GitHub Markdown."""

import re
from collections.abc import Iterable, Sequence

from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head


def markdown(
    title: str, note: str, head: Sequence[Head], rows: Sequence[Sequence[Cell]], items: Sequence[str] = ()
) -> str:
    """Return a GitHub table between title and note, which a list of items follows; the best are bold."""
    lines = [_row(_escape(str(one)) for one in head), _row([":--", *["--:"] * (len(head) - 1)])]
    lines += [_row([_escape(row[0].text), *map(_cell, row[1:])]) for row in rows]
    above = [f"**{_escape(title)}**", ""] if title else []
    below = ["", _escape(note)] if note else []
    below += ["", *(f"- {_escape(item)}" for item in items)] if items else []
    return "\n".join([*above, *lines, *below]) + "\n"


def _escape(text: str) -> str:
    """Return text with what Markdown and HTML would take for marks escaped, on one line."""
    return re.sub(r"([\\`*_\[\]|~#<>&])", r"\\\1", " ".join(text.split()))


def _cell(cell: Cell) -> str:
    text = f"**{_escape(cell.text)}**" if cell.best else _escape(cell.text)
    return f"{text} ({_escape(cell.test)})" if cell.test else text


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
