"""Which rows of tables are ceilings: methods that learn from pairs, beside those that never see one.

They compete with none: no test, no rank, never the best of a column. What others reach is read against them.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from hifisyn.tables.table import Table
from hifisyn.training.registry import trainers


@cache
def ceiling_methods() -> frozenset[str]:
    """Return the names of the methods that learn from nothing but pairs."""
    return frozenset(name for name, trainer in trainers().items() if trainer.NEEDS.pairs)


def is_ceiling(name: str) -> bool:
    """Return whether a row, or a model by its label, is of such a method.

    >>> is_ceiling("Paired"), is_ceiling("Paired pretrained=base fold 1"), is_ceiling("HiFiSyn")
    (True, True, False)
    """
    return method_of_row(name) in ceiling_methods()


def method_of_row(name: str) -> str:
    """Return the method that a row, or a model by its label, is of.

    >>> method_of_row("Paired pretrained=base fold 1"), method_of_row("HiFiSyn, pairwise")
    ('Paired', 'HiFiSyn')
    """
    return re.split("[ ,]", name, maxsplit=1)[0]


def ceiling_rows(names: Iterable[str]) -> list[str]:
    """Return the names that are of ceilings, each once."""
    return [name for name in dict.fromkeys(names) if is_ceiling(name)]


def what_ceilings_are(rows: Sequence[str]) -> str:
    """Return a sentence on rows that are ceilings; "" where there are none.

    >>> what_ceilings_are(["Paired"])
    'Paired: trained on registered pairs, which no other method sees; a ceiling, neither ranked nor tested.'
    """
    what = "trained on registered pairs, which no other method sees; a ceiling, neither ranked nor tested"
    return f"{', '.join(rows)}: {what}." if rows else ""


def with_ceilings_explained(table: Table, rows: Sequence[str]) -> Table:
    """Return a table whose note says what its ceilings are, if it has any."""
    return table.noted(what_ceilings_are(rows))
