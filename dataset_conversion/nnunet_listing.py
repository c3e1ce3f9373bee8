"""What the key `dataset` of nnU-Net's dataset.json lists, typed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from hifisyn.errors import FileError


class ListedCase(BaseModel):
    """A case below the key `dataset`."""

    images: list[str] = []
    label: str | None = None


LISTED = TypeAdapter(dict[str, ListedCase])


def listed(path: Path, content: Mapping[str, Any]) -> Mapping[str, ListedCase] | None:
    """Return what the key `dataset` lists, the files of a case as text; none where it lacks.

    Raises:
        FileError: it lists something else.
    """
    if content.get("dataset") is None:
        return None
    try:
        return LISTED.validate_python(content["dataset"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, ("dataset", *first["loc"])))
        raise FileError(
            path, "must list images and label of each case", got=f"{where}: {first['msg'].lower()}"
        ) from None
