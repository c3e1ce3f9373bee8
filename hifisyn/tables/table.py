"""A table that people read, as Markdown, HTML, text and CSV."""

from dataclasses import dataclass, replace

import pandas as pd
from markupsafe import Markup

from hifisyn.pages.environment import part
from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, groups
from hifisyn.tables.markdown import markdown
from hifisyn.tables.text import text


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: what it shows.
        note: what its numbers are, in sentences.
        head: one a column; the first is in no group.
        rows: one cell a column; the first names the row.
        numbers: the values behind the table, not rounded.
        lines: what stands with the note, each on a line of its own.
    """

    title: str
    note: str
    head: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: pd.DataFrame
    lines: tuple[str, ...] = ()

    def noted(self, sentence: str) -> "Table":
        """Return the table with a sentence more in its note; "" adds nothing."""
        return replace(self, note=f"{self.note} {sentence}".strip())

    def csv(self) -> str:
        """Return the numbers as CSV."""
        text: str = self.numbers.to_csv(index=False)
        return text

    def markdown(self) -> str:
        """Return a GitHub table between title and note; the best are bold."""
        return markdown(self.title, self.note, self.head, self.rows, self.lines)

    def html(self) -> Markup:
        """Return a <table>: caption of title and note, heads with scope, classes `number`, `words`, `best`, `test`."""
        first = self.rows[0] if self.rows else [Cell("")] * len(self.head)
        columns = list(zip(self.head, first, strict=True))
        spans = [(name, len(places)) for name, places in groups(self.head)]
        named = spans if any(name for name, _ in spans) else []
        return part("tables/table.html.jinja", table=self, columns=columns[1:], groups=named)

    def text(self) -> str:
        """Return lines for a terminal, the best marked *; where they were too long, blocks of columns."""
        return text(self.title, self.note, self.head, self.rows, self.lines)
