"""Methods by name: every folder of hifisyn.methods with a trainer, and any class outside that is named."""

import difflib
import importlib
import os
import pkgutil
from functools import cache
from types import ModuleType

from hifisyn.errors import UserError
from hifisyn.names import shown
from hifisyn.training.contract import Trainer

METHODS, TRAINER = "hifisyn.methods", "trainer"
TRUSTED = "hifisyn_methods"  # environment variable: classes and packages from outside that models may name


@cache
def trainers() -> dict[str, type[Trainer]]:
    """Return the methods by their titles, sorted: of each folder the one trainer that its file `trainer.py` defines."""
    folders = pkgutil.iter_modules(importlib.import_module(METHODS).__path__)
    defined = [_defined_trainer(importlib.import_module(f"{METHODS}.{f.name}.{TRAINER}")) for f in folders if f.ispkg]
    titles = [trainer.TITLE for trainer in defined]
    twice = {title for title in titles if titles.count(title) > 1}
    if twice:
        raise ValueError(f"titles of methods must differ; two have {', '.join(sorted(twice))}")
    return dict(sorted((trainer.TITLE, trainer) for trainer in defined))


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return list(trainers())


def trainer_class(name: str) -> type[Trainer]:
    """Return the method called `name`, or the class at `package.module:Class`.

    Raises:
        UserError: there is none; close names are offered.
    """
    if ":" in name:
        return _outside(name)
    known = trainers()
    if name in known:
        return known[name]
    lower = {n.lower(): n for n in known}
    close = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    raise UserError(
        f"the method must be {', '.join(known)} or package.module:Class",
        got=repr(name),
        hint=f"did you mean {' or '.join(close)}?" if close else "choose one",
    )


def trusted_class(name: str, origin: object) -> type[Trainer]:
    """Return the method that a model names: a registered one, or one from outside that the user named too.

    A model may come from anybody, and importing a module runs it.

    Args:
        name: as the model has it.
        origin: the model.

    Raises:
        UserError: there is none, or it is from outside and not among those that the variable hifisyn_methods lists.
    """
    listed = os.environ.get(TRUSTED, "").split()
    if ":" in name and not any(name == one or f"{name.partition(':')[0]}.".startswith(f"{one}.") for one in listed):
        raise UserError(
            f"{origin} must be of a method of hifisyn",
            got=shown(name),
            hint=f"only where you trust that code: export {TRUSTED}={shown(name)}",
        )
    return trainer_class(name)


def method_name(name: str) -> str:
    """Return the name that a model folder bears: the method's, or the class's of `package.module:Class`."""
    return name.rpartition(":")[2]


def _defined_trainer(module: ModuleType) -> type[Trainer]:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Trainer) and value.__module__ == module.__name__
    ]
    if len(own) != 1 or not own[0].TITLE:
        raise ValueError(f"{module.__name__} must define one trainer with a TITLE (got {own})")
    return own[0]


def _outside(path: str) -> type[Trainer]:
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"{module_name} of the method {path} cannot be imported ({error})", hint="install it or extend PYTHONPATH"
        ) from None
    trainer = getattr(module, class_name, None)
    if not isinstance(trainer, type) or not issubclass(trainer, Trainer):
        raise UserError(
            f"the method {path} must be a subclass of hifisyn.training.contract.Trainer",
            got="nothing of that name" if trainer is None else repr(trainer),
        )
    return trainer
