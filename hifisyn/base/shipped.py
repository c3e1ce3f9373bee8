"""The base model that comes with the package: one file of weights and its hash."""

from functools import cache
from pathlib import Path

from hifisyn.base.translate import BaseModel
from hifisyn.networks.weights_file import check_shipped

NAME = "base@1"
FILE = Path(__file__).parent / "shipped" / "base1.safetensors"


@cache
def shipped() -> BaseModel:
    """Return the base model that is part of this installation; it is read once in a process.

    Raises:
        FileError: the weights or their hash are missing, or do not belong together.
    """
    check_shipped(FILE, NAME)
    return BaseModel.load(FILE)
