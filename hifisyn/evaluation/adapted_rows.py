"""Which rows of tables are of methods that move the base model: they begin with what simulated heads taught.

They are tested against the reference in the family of the base model, so that the tests among the other methods, which
begin with nothing, are the same with them and without; and they have no rank among these.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from hifisyn.evaluation.ceilings import is_ceiling, method_of_row
from hifisyn.evaluation.untrained import base_rows
from hifisyn.tables.table import Table
from hifisyn.training.registry import trainers


@cache
def adapting_methods() -> frozenset[str]:
    """Return the names of the methods that move the base model."""
    return frozenset(name for name, trainer in trainers().items() if trainer.ADAPTS_BASE)


def is_adapted(name: str) -> bool:
    """Return whether a row, or a model by its label, is of such a method.

    >>> is_adapted("Adapted"), is_adapted("Adapted lr=0.001 fold 1"), is_adapted("Paired pretrained=base")
    (True, True, False)
    """
    return method_of_row(name) in adapting_methods()


def competes(name: str) -> bool:
    """Return whether a trained model is ranked among the others: it saw no pair, and began with nothing.

    >>> competes("HiFiSyn"), competes("Adapted"), competes("Paired")
    (True, False, False)
    """
    return not is_ceiling(name) and not is_adapted(name)


def rows_of_base(names: Iterable[str]) -> list[str]:
    """Return the names that are of the base model, as it is or moved, each once: the family of their tests."""
    names = list(names)
    return [*base_rows(names), *adapted_rows(names)]


def adapted_rows(names: Iterable[str]) -> list[str]:
    """Return the names that are of methods that move the base model, each once."""
    return [name for name in dict.fromkeys(names) if is_adapted(name)]


def what_adapted_are(rows: Sequence[str]) -> str:
    """Return a sentence on rows that move the base model; "" where there are none.

    >>> what_adapted_are(["Adapted"])
    'Adapted: begins with the base model, learnt from simulated heads; tested with it, and not ranked.'
    """
    what = "begins with the base model, learnt from simulated heads; tested with it, and not ranked"
    return f"{', '.join(rows)}: {what}." if rows else ""


def with_adapted_explained(table: Table, rows: Iterable[str]) -> Table:
    """Return a table whose note says what moves the base model, if any of the rows does."""
    return table.noted(what_adapted_are(adapted_rows(rows)))
