"""Tensors and plain values in one file: written atomically, read as data alone, refused where they are damaged."""

import errno
import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hifisyn.errors import FileError
from hifisyn.files import atomic
from hifisyn.troubles import passes

SUM = "sha256"
# What torch says where a file system takes no more; the errno is lost in it.
FULL = ("PytorchStreamWriter", "inline_container")


def write_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values, and the SHA-256 of all tensors; a killed process leaves the file before.

    Raises:
        OSError: the file system takes no more.
    """
    with atomic(path) as temporary:
        try:
            torch.save({**content, SUM: sum_of(content)}, temporary)
        except RuntimeError as error:
            if not any(word in str(error) for word in FULL):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None


def read_tensors(path: Path, what: str, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `write_tensors` wrote.

    Args:
        path: the file.
        what: it must be, for the message: "a checkpoint of hifisyn_train".
        device: where the tensors go.

    Raises:
        FileError: the file is missing, broken, of another program, holds more than tensors and plain types, is not as
            it was written, or has weights that are not finite.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are none of ours
            content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise FileError(path, "does not exist", hint="train first") from None
    except IsADirectoryError:
        raise FileError(path, f"must be {what}", got="a folder") from None
    except Exception as error:  # torch raises whatever a damaged file leads it to
        if passes(error):
            raise
        content = None
    if not isinstance(content, dict):
        got = "a broken file or one of another program"
        raise FileError(path, f"must be {what}", got=got, hint="train again, or take another file") from None
    if SUM in content and content[SUM] != sum_of(content):
        got = "tensors with another SHA-256 than it says"
        raise FileError(path, "must be as it was written", got=got, hint="copy it again, or take another file")
    for name, tensor in tensors_of(content):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise FileError(path, "must hold finite weights", got=f"NaN or infinity in {name}", hint="train again")
    return content


def sum_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all tensors, their names and shapes."""
    digest = hashlib.sha256()
    for name, tensor in tensors_of(content):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def tensors_of(content: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in nested dictionaries, lists and tuples, by dotted names."""
    if isinstance(content, Tensor):
        yield name, content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from tensors_of(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, (list, tuple)):
        for number, value in enumerate(content):
            yield from tensors_of(value, f"{name}.{number}")
