"""A table that people read, as Markdown, HTML, text and CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd

from hifisyn.tables.heads import groups, title
from hifisyn.tables.markdown import markdown
from hifisyn.tables.text import text


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
        return markdown(self)

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
        return text(self)


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
    titles = "".join(f'<th scope="col" class="{kind}">{escape(title(text))}</th>' for text, kind in columns)
    named = groups(head)
    if not any(name for name, _ in named):
        return f'<tr><th scope="col">{escape(head[0])}</th>{titles}</tr>\n'
    names = "".join(f'<th scope="colgroup" colspan="{len(places)}">{escape(name)}</th>' for name, places in named)
    return f'<tr><th scope="col" rowspan="2">{escape(head[0])}</th>{names}</tr>\n<tr>{titles}</tr>\n'
