"""JSON files into typed data, or one line that says what is wrong with them."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from hifisyn.errors import UserError
from hifisyn.files import read_json

Content = TypeVar("Content", bound=BaseModel)


def load(kind: type[Content], path: Path, what: str) -> Content:
    """Read a JSON file as `kind`.

    Args:
        kind: what the file must be.
        path: the file.
        what: its name for people, such as "the key of a reader study".

    Raises:
        UserError: the file is missing, no JSON, or something else.
    """
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise UserError(f"{path}: wanted {what}, found another file ({where}: {first['msg'].lower()})") from None
