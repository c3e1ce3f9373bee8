"""A table that people read, as Markdown, HTML, text and CSV."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

import pandas as pd

WIDEST = 120  # characters of a line in a terminal
GAP = "  "


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what it says.
        best: whether it is the best of its column.
        test: what a test against the reference says: "p 0.031", "reference", "n too small"; "" where there is none.
    """

    text: str
    best: bool = False
    test: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: what it shows.
        note: what its numbers are, in sentences.
        head: one title a column. "GROUP: TITLE" puts a column under the head of a group: "T1 to FLAIR: PSNR (dB)".
        rows: one cell a column; the first names the row.
        numbers: what the table was made of, not rounded.
    """

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: pd.DataFrame

    def csv(self) -> str:
        """Return the numbers as CSV."""
        text: str = self.numbers.to_csv(index=False)
        return text

    def markdown(self) -> str:
        """Return a GitHub table between title and note; the best are bold."""
        lines = [_md_row(map(_md, self.head)), _md_row([":--", *["--:"] * (len(self.head) - 1)])]
        lines += [_md_row([_md(row[0].text), *map(_md_cell, row[1:])]) for row in self.rows]
        title = [f"**{_md(self.title)}**", ""] if self.title else []
        note = ["", _md(self.note)] if self.note else []
        return "\n".join([*title, *lines, *note]) + "\n"

    def html(self) -> str:
        """Return a <table>, escaped: caption of title and note, heads with scope, classes `number`, `best`, `test`."""
        caption = f"<strong>{escape(self.title)}</strong> {escape(self.note)}".strip()
        rows = "".join(
            f'<tr><th scope="row">{escape(row[0].text)}</th>{"".join(map(_html_cell, row[1:]))}</tr>\n'
            for row in self.rows
        )
        return (
            f"<table>\n<caption>{caption}</caption>\n<thead>\n{_html_head(self.head, self.rows)}</thead>\n"
            f"<tbody>\n{rows}</tbody>\n</table>\n"
        )

    def text(self) -> str:
        """Return lines for a terminal, the best marked *; where they were too long, blocks of columns."""
        columns = [_column([row[place] for row in self.rows]) for place in range(len(self.head))]
        blocks = [("", list(range(1, len(self.head))))]
        if len(_lines(self.head, columns)[1]) > WIDEST:
            blocks = [part for name, places in _groups(self.head) for part in _parts(name, places, self.head, columns)]
        lines = [self.title, ""] if self.title else []
        for name, places in blocks:
            heads = [self.head[0], *(_title(self.head[p]) if name else self.head[p] for p in places)]
            lines += [*([name] if name else []), *_lines(heads, [columns[0], *(columns[p] for p in places)]), ""]
        if any(cell.best for row in self.rows for cell in row):
            lines += ["* best of the column", ""]
        return "\n".join([*lines, *textwrap.wrap(self.note, WIDEST)]).rstrip() + "\n"


def _groups(head: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the groups of neighbouring columns: name, "" for none, and their places; the first column is in none."""
    named = groupby(range(1, len(head)), key=lambda place: head[place].rpartition(": ")[0])
    return [(name, list(places)) for name, places in named]


def _title(head: str) -> str:
    return head.rpartition(": ")[2]


def _md(text: str) -> str:
    """Return text with what Markdown and HTML would take for marks escaped, on one line."""
    return re.sub(r"([\\`*_\[\]|~#<>&])", r"\\\1", " ".join(text.split()))


def _md_cell(cell: Cell) -> str:
    text = f"**{_md(cell.text)}**" if cell.best else _md(cell.text)
    return f"{text} ({_md(cell.test)})" if cell.test else text


def _md_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _html_cell(cell: Cell) -> str:
    text = f"<strong>{escape(cell.text)}</strong>" if cell.best else escape(cell.text)
    test = f' <small class="test">{escape(cell.test)}</small>' if cell.test else ""
    return f'<td class="{_kind(cell)}{" best" if cell.best else ""}">{text}{test}</td>'


def _kind(cell: Cell) -> str:
    """Return "words" for a cell that is read from the left, such as a verdict."""
    return "words" if " " in cell.text and cell.text[0].isalpha() else "number"


def _html_head(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    kinds = [_kind(cell) for cell in rows[0]] if rows else ["number"] * len(head)
    columns = list(zip(head, kinds, strict=True))[1:]
    titles = "".join(f'<th scope="col" class="{kind}">{escape(_title(text))}</th>' for text, kind in columns)
    groups = _groups(head)
    if not any(name for name, _ in groups):
        return f'<tr><th scope="col">{escape(head[0])}</th>{titles}</tr>\n'
    names = "".join(f'<th scope="colgroup" colspan="{len(places)}">{escape(name)}</th>' for name, places in groups)
    return f'<tr><th scope="col" rowspan="2">{escape(head[0])}</th>{names}</tr>\n<tr>{titles}</tr>\n'


def _column(cells: Sequence[Cell]) -> list[str]:
    """Return the cells of a column, mark and test filled up so that numbers align when all are moved to the right."""
    test = max((len(cell.test) for cell in cells), default=0)
    mark = any(cell.best for cell in cells)
    return [cell.text + ("*" if cell.best else " " * mark) + (f" {cell.test:{test}}" if test else "") for cell in cells]


def _lines(heads: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Return head, rule and rows; the first column to the left."""
    widths = [max(map(len, [head, *column])) for head, column in zip(heads, columns, strict=True)]
    rows = [heads, *zip(*columns, strict=True)]
    texts = [
        GAP.join([row[0].strip().ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    texts = [text.rstrip() for text in texts]
    return [texts[0], "-" * max(map(len, texts)), *texts[1:]]


def _parts(
    name: str, places: Sequence[int], head: Sequence[str], columns: Sequence[Sequence[str]]
) -> list[tuple[str, list[int]]]:
    """Split the columns of a group so that no line is too long, unless a single column is."""
    parts: list[list[int]] = [[]]
    for place in places:
        tried = [0, *parts[-1], place]
        lines = _lines([_title(head[p]) for p in tried], [columns[p] for p in tried])
        if parts[-1] and len(lines[1]) > WIDEST:
            parts.append([])
        parts[-1].append(place)
    return [(name, part) for part in parts]
