"""The base model that comes with the package: one file of weights and its hash."""

from functools import cache
from pathlib import Path

from hifisyn.base.translate import BaseModel
from hifisyn.base.weights import HASH
from hifisyn.errors import FileError

NAME = "base@1"
FILE = Path(__file__).parent / "shipped" / "base1.safetensors"


@cache
def shipped() -> BaseModel:
    """Return the base model that is part of this installation; it is read once in a process.

    Raises:
        FileError: the weights or their hash are missing, or do not belong together.
    """
    for file in (FILE, FILE.with_name(FILE.name + HASH)):
        if not file.is_file():
            raise FileError(file, f"must be there: {NAME} comes with hifisyn", hint="install hifisyn again")
    return BaseModel.load(FILE)
