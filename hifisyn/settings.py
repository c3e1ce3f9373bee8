"""Typed settings: unknown keys and impossible values are refused in one line that names the key."""

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hifisyn.errors import UserError

FREE = ("labels", "slots", "intensity_scale", "shares")  # mappings whose keys are the user's own
FACTS = ("reasons", "device", "labels", "intensity_scale")  # never meant by the end of a key
MOST = 1_000_000  # what no count in a plan comes near; a plan from elsewhere must not ask for more


class Settings(BaseModel):
    """Base of all configuration: immutable, checked, every field with a default that the literature or a rule gives."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="after")
    def _numbers_are_bounded(self) -> Self:
        for name in type(self).model_fields:
            if not _bounded(getattr(self, name)):
                raise ValueError(f"{name} must be at most {MOST:,}")
        return self


def _bounded(value: Any) -> bool:
    """Return whether all whole numbers in plain data are such as a training may have."""
    if isinstance(value, Mapping):
        return all(map(_bounded, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_bounded, value))
    return not isinstance(value, int) or abs(value) <= MOST


S = TypeVar("S", bound=Settings)


def checked(kind: type[S], values: Mapping[str, Any], origin: str = "", within: str = "") -> S:
    """Build settings from plain data.

    Args:
        kind: of the settings.
        values: by field.
        origin: where the values stand, in front of the message, such as a file.
        within: key of the plans below which they stand.

    Raises:
        UserError: a value is unknown, of the wrong type or cannot work.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        problem = _explained(error.errors()[0], within, sorted(set(_keys(kind))))
        if error.error_count() > 1:
            problem.hint += f"; {error.error_count() - 1} more values are wrong"
        raise (problem.at(origin) if origin else problem) from None


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted key; mappings with keys of the user's own stay whole.

    >>> flat({"length": {"epochs": 3}, "settings": {"memory": {"slots": {"GM": 1}}}})
    {'length.epochs': 3, 'settings.memory.slots': {'GM': 1}}
    """
    values: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and value and key not in FREE:
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


def override(content: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Return nested plain data with values replaced by `key=value` texts.

    A key may be whole (`settings.losses.pgd`) or the end of one (`losses.pgd`, `pgd`); of several keys with that end
    the one nearest to the top is meant.

    >>> override({"length": {"epochs": 3}, "slices": {"crop": 16}}, ["epochs=5", "slices.crop=32"])
    {'length': {'epochs': 5}, 'slices': {'crop': 32}}

    Raises:
        UserError: no such key, or several that are equally near.
    """
    changed = _copy(content)
    for text in assignments:
        key, separator, value = text.partition("=")
        if not separator:
            raise UserError("--set must be key=value", got=repr(text))
        *parents, last = _locate(key.strip().split("."), changed)
        part = changed
        for step in parents:
            part = part[step]
        part[last] = _literal(value.strip())
    return changed


def whole_key(key: str, content: Mapping[str, Any]) -> str:
    """Return the whole dotted key that `override` takes a key for.

    >>> whole_key("epochs", {"length": {"epochs": 3}})
    'length.epochs'

    Raises:
        UserError: as `override`.
    """
    return ".".join(_locate(key.strip().split("."), content))


def _locate(words: list[str], content: Mapping[str, Any]) -> list[str]:
    paths = list(_paths(content))
    whole = [path for path in paths if path == words]
    matching = whole or [path for path in paths if path[-len(words) :] == words and path[0] not in FACTS]
    if not matching and len(words) > 1 and words[-2] in FREE:
        return [*_locate(words[:-1], content), words[-1]]
    key = ".".join(words)
    if not matching:
        raise UserError(
            "--set must name a key of the plans",
            got=key,
            hint=_closest(words[-1], [path for path in paths if path[0] not in FACTS]),
        )
    depth = min(len(path) for path in matching)
    nearest = [path for path in matching if len(path) == depth]
    if len(nearest) > 1:
        choices = " or ".join(".".join(path) for path in nearest)
        raise UserError("--set must name one key", got=f"{key}, which several end in", hint=f"write {choices}")
    return nearest[0]


def _paths(content: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    for key, value in content.items():
        yield [*above, key]
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, key))


def _copy(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in content.items()}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)


def _explained(error: Any, within: str, known: Sequence[str]) -> UserError:
    """Return what pydantic refuses as a mistake that names the key.

    Args:
        error: an entry of `ValidationError.errors()`.
        within: key of the plans below which its own keys stand.
        known: all keys, to propose one of.
    """
    key = ".".join(str(part) for part in (within, *error["loc"]) if part != "")
    if error["type"] == "extra_forbidden":
        return UserError(f"{key} is no key of the plans", hint=_closest(str(error["loc"][-1]), [[k] for k in known]))
    if error["type"] == "missing":
        return UserError(f"{key} must have a value", hint="add it")
    what = error["msg"].removeprefix("Value error, ")
    what = f"{key} must{what.removeprefix('Input should')}" if what.startswith("Input should") else f"{key}: {what}"
    came = "" if isinstance(error["input"], dict) else repr(error["input"])
    return UserError(what.removeprefix(": "), got=came, hint="edit the value")


def _keys(kind: type[BaseModel]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation)


def _closest(key: str, paths: Sequence[Sequence[str]]) -> str:
    close = difflib.get_close_matches(key, [path[-1] for path in paths], n=3)
    return f"did you mean {' or '.join(dict.fromkeys(close))}?" if close else "look them up in plans.json"
