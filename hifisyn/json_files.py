"""The one way in for JSON: its reader gets plain data of the type that it asked for, or one line that says why not."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hifisyn.errors import FileError
from hifisyn.text_files import LARGEST, read_text

if TYPE_CHECKING:
    from pydantic import BaseModel  # a command that only prints its help must not wait for it

HINT = "fix or remove the file"
Content = TypeVar("Content", bound="BaseModel")


def read_json(path: Path | str, *, most: int = LARGEST) -> Any:
    """Read a JSON file.

    Raises:
        FileError: the file is missing, or is no JSON (the line and the column are named); it is nested too deeply,
            has a number too long to read, or a key twice.
    """
    return parse_json(read_text(path, most=most), path)


def read_object(path: Path | str, *, most: int = LARGEST) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        FileError: as `read_json`, or it holds something else.
    """
    content = read_json(path, most=most)
    if not isinstance(content, dict):
        raise FileError(path, "must hold an object", got=_type(content), hint=HINT)
    return content


def read_json_as(kind: type[Content], path: Path | str, what: str) -> Content:
    """Read a JSON file and check it.

    Args:
        kind: model of its content.
        path: the file.
        what: its name for people, such as "the key of a reader study".

    Raises:
        FileError: as `read_json`, or it does not fit `kind`.
    """
    return checked_json(kind, read_json(path), path, what)


def checked_json(kind: type[Content], content: Any, path: Path | str, what: str) -> Content:
    """Check what was read from a JSON file; see `read_json_as`.

    Raises:
        FileError: it does not fit `kind`.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80] or "file"
        raise FileError(path, f"must be {what}", got=f"{where}: {first['msg'].lower()}", hint=HINT) from None


def parse_json(text: str, origin: object) -> Any:
    """Read JSON from text.

    Args:
        text: the JSON.
        origin: the file that it is from.

    Raises:
        FileError: as `read_json`.
    """
    try:
        return json.loads(text, object_pairs_hook=_once_each)
    except RecursionError:
        got = "values nested too deeply"
    except _TwiceError as error:
        got = str(error)
    except ValueError as error:  # numbers of thousands of digits raise it too
        got = str(error).partition(";")[0]
    raise FileError(origin, "must be JSON", got=got, hint=HINT) from None


class _TwiceError(Exception):
    pass


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _TwiceError(f"the key {next(key for key in content if keys.count(key) > 1)!r} twice")
    return content


def _type(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
