"""A table as lines for a terminal."""

import textwrap
from collections.abc import Sequence

from hifisyn.tables.cell import Cell
from hifisyn.tables.heads import Head, groups

WIDEST = 120  # characters of a line
GAP = "  "


def text(title: str, note: str, head: Sequence[Head], rows: Sequence[Sequence[Cell]], items: Sequence[str] = ()) -> str:
    """Return lines for a terminal, the best marked *; where they were too long, blocks of columns.

    Below stand the note and a list of items.
    """
    columns = [_column([row[place] for row in rows]) for place in range(len(head))]
    blocks = [("", list(range(1, len(head))))]
    if len(_lines([str(one) for one in head], columns)[1]) > WIDEST:
        blocks = [part for name, places in groups(head) for part in _parts(name, places, head, columns)]
    lines = [title, ""] if title else []
    for name, places in blocks:
        shown = [head[0].title, *(head[p].title if name else str(head[p]) for p in places)]
        lines += [*([name] if name else []), *_lines(shown, [columns[0], *(columns[p] for p in places)]), ""]
    if any(cell.best for row in rows for cell in row):
        lines += ["* best of the column", ""]
    below = [line for item in items for line in textwrap.wrap(f"- {item}", WIDEST, subsequent_indent="  ")]
    return "\n".join([*lines, *textwrap.wrap(note, WIDEST), *below]).rstrip() + "\n"


def _column(cells: Sequence[Cell]) -> list[str]:
    """Return the cells of a column, mark and test filled up so that numbers align when all are moved to the right."""
    test = max((len(cell.test) for cell in cells), default=0)
    mark = any(cell.best for cell in cells)
    return [cell.text + ("*" if cell.best else " " * mark) + (f" {cell.test:{test}}" if test else "") for cell in cells]


def _lines(head: Sequence[str], columns: Sequence[Sequence[str]]) -> list[str]:
    """Return head, rule and rows; the first column to the left."""
    widths = [max(map(len, [name, *column])) for name, column in zip(head, columns, strict=True)]
    rows = [head, *zip(*columns, strict=True)]
    texts = [
        GAP.join([row[0].strip().ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    texts = [text.rstrip() for text in texts]
    return [texts[0], "-" * max(map(len, texts)), *texts[1:]]


def _parts(
    name: str, places: Sequence[int], head: Sequence[Head], columns: Sequence[Sequence[str]]
) -> list[tuple[str, list[int]]]:
    """Split the columns of a group so that no line is too long, unless a single column is."""
    parts: list[list[int]] = [[]]
    for place in places:
        tried = [0, *parts[-1], place]
        lines = _lines([head[p].title for p in tried], [columns[p] for p in tried])
        if parts[-1] and len(lines[1]) > WIDEST:
            parts.append([])
        parts[-1].append(place)
    return [(name, part) for part in parts]
