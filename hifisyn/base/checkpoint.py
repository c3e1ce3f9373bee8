"""The state of a base model's training: tensors and plain types only, written atomically."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from hifisyn.errors import FileError
from hifisyn.files import atomic

FORMAT = "hifisyn base training 1"
LATEST = "checkpoint_latest.pt"


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a state; a killed process leaves the one before."""
    with atomic(path) as temporary:
        torch.save({"format": FORMAT, **content}, temporary)


def load(path: Path) -> dict[str, Any]:
    """Read a state onto the CPU.

    Raises:
        FileError: it is missing, broken, or of another program.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise FileError(path, "must exist to continue", hint="leave out --resume") from None
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError):
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FileError(path, "must be a state of hifisyn_pretrain", got="another file", hint="pass --overwrite")
    return content
