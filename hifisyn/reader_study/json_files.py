"""Reads JSON files as typed data."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hifisyn.errors import UserError
from hifisyn.files import read_json

Content = TypeVar("Content", bound=BaseModel)


def read_json_as(kind: type[Content], path: Path, what: str) -> Content:
    """Read a JSON file and check it.

    Args:
        kind: model of its content.
        path: the file.
        what: its name for people, such as "the key of a reader study".

    Raises:
        UserError: the file is missing, no JSON, or does not fit `kind`.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise UserError(f"{path} must be {what}", got=f"{where}: {first['msg'].lower()}") from None
