"""The rows of a benchmark: every method as it is, by year of publication, HiFi-Syn last; behind it those not ranked."""

from collections import Counter
from collections.abc import Iterable

from hifisyn.errors import UserError
from hifisyn.experiments.rows import Row
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name, names, trainer_class

REFERENCE = "HiFiSyn"


def method_rows(words: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return a row for each method that is named, or for every registered one, by year, `REFERENCE` last.

    Methods that move the base model stand behind it, then those that learn from pairs, which are ceilings.

    Args:
        words: names in the registry in any case, or package.module:Class, whose rows come after all others.

    Raises:
        UserError: there is no such method, or one is named twice.
    """
    known = {name.lower(): name for name in names()}
    named = [known.get(word.lower(), word) for word in words] or names()
    trainers = {name: trainer_class(name) for name in named}
    for method, count in Counter(map(method_name, named)).items():
        if count > 1:
            raise UserError("--methods must name every method once", got=f"{method} {count} times")
    order = sorted(trainers, key=lambda name: _place(name, trainers[name]))
    return tuple(Row(name.lower(), method_name(name), method_summary(trainers[name]), None, (), name) for name in order)


def method_summary(trainer: type[Trainer]) -> str:
    """Return what a class itself says of its method, and the year; what it only inherits is another method's."""
    own = vars(trainer)
    summary = own.get("SUMMARY", Trainer.SUMMARY)
    return f"{summary} ({own['YEAR']})" if own.get("YEAR") else str(summary)


def _place(name: str, trainer: type[Trainer]) -> tuple[int, int, str]:
    """Order methods: by year and title, what all are compared with, of the base model, ceilings, those from outside."""
    if ":" in name:
        return 4, 0, ""
    if trainer.NEEDS.pairs or trainer.ADAPTS_BASE:
        return 3 if trainer.NEEDS.pairs else 2, trainer.YEAR, name
    return int(name == REFERENCE), trainer.YEAR, name
