"""A network's weights as one safetensors file: tensors and text only, in half precision, with their hash beside.

Counts and flags keep their type: a half knows no whole number above 65504.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hifisyn.errors import FileError
from hifisyn.files import atomic, sha256, write_text
from hifisyn.text_files import read_text

HASH = ".sha256"


@dataclass(frozen=True)
class Content:
    """What a file of weights holds.

    Attributes:
        tensors: by their names in the network's state; numbers with a fraction in single precision.
        about: what was written beside them, by name.
        sha256: of the file.
    """

    tensors: dict[str, Tensor]
    about: dict[str, str]
    sha256: str


def write(path: Path, form: str, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    """Write tensors in half precision, and the file's SHA-256 beside it; return that."""
    halved = {name: _as(torch.float16, tensor.detach().cpu()).contiguous() for name, tensor in tensors.items()}
    with atomic(path) as temporary:
        save_file(halved, temporary, {"format": form, **about})
    digest = sha256(path)
    write_text(path.with_name(path.name + HASH), f"{digest}  {path.name}\n")
    return digest


def read(file: Path, form: str, hint: str = "copy both files again") -> Content:
    """Read what `write` wrote.

    Args:
        file: of the weights.
        form: that they must be of.
        hint: how to get the file where it is missing.

    Raises:
        FileError: it is missing, broken, of another form, not what its hash says, or has weights that are not finite.
    """
    if not file.is_file():
        raise FileError(file, "does not exist", hint=hint)
    digest = sha256(file)
    beside = file.with_name(file.name + HASH)
    if beside.is_file() and read_text(beside).split()[:1] != [digest]:
        raise FileError(file, f"must have the hash of {beside.name}", got=digest, hint="copy both files again")
    try:
        with safe_open(file, "pt") as content:
            about = content.metadata() or {}
            tensors = {name: _as(torch.float32, content.get_tensor(name)) for name in content.keys()}  # noqa: SIM118
    except SafetensorError:
        raise broken(file, form) from None
    if about.get("format") != form:
        raise broken(file, form, about.get("format") or "another file")
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise FileError(file, "must hold finite weights", got=f"NaN or infinity in {name}", hint="copy it again")
    return Content(tensors, about, digest)


def _as(kind: torch.dtype, tensor: Tensor) -> Tensor:
    return tensor.to(kind) if tensor.is_floating_point() else tensor


def check_shipped(file: Path, name: str) -> None:
    """Refuse an installation that lacks the weights that come with it, or their hash.

    Args:
        file: of the weights.
        name: of the network, as users know it.

    Raises:
        FileError: one of them is missing.
    """
    for part in (file, file.with_name(file.name + HASH)):
        if not part.is_file():
            raise FileError(part, f"must be there: {name} comes with hifisyn", hint="install hifisyn again")


def broken(file: Path, form: str, got: str = "a broken file") -> FileError:
    """Return the error of a file that does not hold weights of a form."""
    return FileError(file, f"must be weights of format {form!r}", got=got, hint="copy it again")
