"""The few pieces of HTML that the sections are made of. Whatever comes from outside is escaped here."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from hifisyn.tables.table import Table

_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[^\s'\"=:,;()]*[/\\])+[^\s'\"=:,;()]*")


def section(anchor: str, title: str, *parts: str) -> str:
    """Return a section with a heading that can be linked to."""
    return f'<section id="{anchor}">\n<h2>{escape(title)}</h2>\n{"".join(parts)}</section>\n'


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; `kind` is a class of the style."""
    return f"<p{_kind(kind)}>{escape(text)}</p>\n"


def missing(what: str, command: str) -> str:
    """Return the one line of a section for which nothing was run: which command makes it."""
    return f'<p class="soft">{escape(what)}. To make it: <code>{escape(command)}</code></p>\n'


def rows_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """Return a table; the first cell of a row is its heading.

    Args:
        caption: above it.
        head: of the columns.
        rows: of plain values.
        numbers: places of the columns that are set to the right.
    """
    cells = "".join(f'<th scope="col"{_number(i in numbers)}>{escape(h)}</th>' for i, h in enumerate(head))
    body = "".join(_row(row, numbers) for row in rows)
    return (
        f'<div class="wide"><table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{cells}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>\n</table></div>\n"
    )


def facts_table(caption: str, facts: Iterable[tuple[str, object]]) -> str:
    """Return a table of two columns, what and its value; empty values are left out."""
    rows = "".join(_row(fact, ()) for fact in facts if fact[1] not in ("", None))
    return f'<table class="facts">\n<caption>{escape(caption)}</caption>\n<tbody>\n{rows}</tbody>\n</table>\n'


def numbers_table(table: Table) -> str:
    """Return a table of results, which scrolls by itself where it is wider than the page."""
    return f'<div class="wide results">{table.html()}</div>\n'


def details(summary: str, *parts: str) -> str:
    """Return parts that are folded away until they are asked for."""
    return f"<details><summary>{escape(summary)}</summary>\n{''.join(parts)}</details>\n"


def without_paths(text: str, private: bool) -> str:
    """Return a text whose paths are gone where they may tell who a participant is.

    >>> without_paths("hifisyn_train IXI T1 T2 fold0 --raw /data/12345", private=True)
    'hifisyn_train IXI T1 T2 fold0 --raw PATH'
    """
    return _PATH.sub("PATH", text) if private else text


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "subject"), counted(1200, "subject")
    ('1 subject', '1,200 subjects')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Return words as a sentence lists them.

    >>> listed(["CSF", "GM", "WM"]), listed(["CSF"])
    ('CSF, GM and WM', 'CSF')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _row(row: Sequence[object], numbers: Sequence[int]) -> str:
    first, *rest = row
    cells = "".join(f"<td{_number(i in numbers)}>{escape(str(value))}</td>" for i, value in enumerate(rest, 1))
    return f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>\n'


def _number(yes: bool) -> str:
    return _kind("number" if yes else "")


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
