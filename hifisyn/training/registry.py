"""Methods by name. A decorator fills the registry; nothing is searched for in folders."""

import difflib
import importlib
from collections.abc import Callable

from hifisyn.errors import UserError
from hifisyn.training.contract import Trainer

METHODS = "hifisyn.methods"

_trainers: dict[str, type[Trainer]] = {}


def register(name: str) -> Callable[[type[Trainer]], type[Trainer]]:
    """Return a class decorator that makes a method known as `name`.

    Raises:
        ValueError: another class bears the name.
    """

    def add(trainer: type[Trainer]) -> type[Trainer]:
        known = _trainers.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (trainer.__module__, trainer.__qualname__):
            raise ValueError(f"{name} is {known.__module__}:{known.__qualname__} already")
        _trainers[name] = trainer
        return trainer

    return add


def names() -> list[str]:
    """Return the names of all registered methods, sorted."""
    importlib.import_module(METHODS)
    return sorted(_trainers)


def trainer_class(name: str) -> type[Trainer]:
    """Return the method called `name`, or the class at `package.module:Class`.

    Raises:
        UserError: there is none; close names are offered.
    """
    if ":" in name:
        return _outside(name)
    known = names()
    if name in _trainers:
        return _trainers[name]
    lower = {n.lower(): n for n in known}
    close = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    raise UserError(
        f"wanted a method among {', '.join(known) or 'none'} or package.module:Class, found {name!r}"
        + (f"; did you mean {' or '.join(close)}?" if close else "; choose one")
    )


def method_name(name: str) -> str:
    """Return the name that a model folder bears: the method's, or the class's of `package.module:Class`."""
    return name.rpartition(":")[2]


def _outside(path: str) -> type[Trainer]:
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"wanted the method {path}, found no module to import ({error}); install it or extend PYTHONPATH"
        ) from None
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, Trainer):
        raise UserError(f"wanted a subclass of hifisyn.training.contract.Trainer at {path}, found {found!r}")
    return found
