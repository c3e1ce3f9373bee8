"""A table as GitHub Markdown."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hifisyn.tables.table import Cell, Table


def markdown(table: "Table") -> str:
    """Return a GitHub table between title and note; the best are bold."""
    lines = [_row(map(_escape, table.head)), _row([":--", *["--:"] * (len(table.head) - 1)])]
    lines += [_row([_escape(row[0].text), *map(_cell, row[1:])]) for row in table.rows]
    title = [f"**{_escape(table.title)}**", ""] if table.title else []
    note = ["", _escape(table.note)] if table.note else []
    return "\n".join([*title, *lines, *note]) + "\n"


def _escape(text: str) -> str:
    """Return text with what Markdown and HTML would take for marks escaped, on one line."""
    return re.sub(r"([\\`*_\[\]|~#<>&])", r"\\\1", " ".join(text.split()))


def _cell(cell: "Cell") -> str:
    text = f"**{_escape(cell.text)}**" if cell.best else _escape(cell.text)
    return f"{text} ({_escape(cell.test)})" if cell.test else text


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
