"""The rows of a benchmark: every method as it is, by year of publication, HiFi-Syn last."""

from collections.abc import Iterable

from hifisyn.errors import UserError
from hifisyn.experiments.rows import Row
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name, names, trainer_class

REFERENCE = "HiFiSyn"


def method_rows(words: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return a row for each method that is named, or for every registered one, by year, `REFERENCE` last.

    Args:
        words: names in the registry in any case, or package.module:Class, whose rows come after all others.

    Raises:
        UserError: there is no such method; or one is named twice.
    """
    known = {name.lower(): name for name in names()}
    wanted = [known.get(word.lower(), word) for word in words] or names()
    found = {name: trainer_class(name) for name in wanted}
    called = [method_name(name) for name in wanted]
    if len(set(called)) < len(called):
        twice = next(name for name in called if called.count(name) > 1)
        raise UserError(f"--methods: wanted every method once, found {twice} twice; name it once")
    order = sorted(found, key=lambda name: _place(name, found[name]))
    return tuple(Row(name.lower(), method_name(name), told(found[name]), None, (), name) for name in order)


def told(trainer: type[Trainer]) -> str:
    """Return what a class says that its method does, and the year; what it only inherits is another method's."""
    own = vars(trainer)
    summary = own.get("SUMMARY", Trainer.SUMMARY)
    return f"{summary} ({own['YEAR']})" if own.get("YEAR") else str(summary)


def _place(name: str, trainer: type[Trainer]) -> tuple[int, int, str]:
    """Order registered methods by year and title, then the one that all are compared with, then those from outside."""
    return (2, 0, "") if ":" in name else (int(name == REFERENCE), trainer.YEAR, name)
