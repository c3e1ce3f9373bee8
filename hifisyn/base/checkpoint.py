"""The state of a base model's training: tensors and plain types only, written atomically."""

from pathlib import Path
from typing import Any

from hifisyn.errors import FileError
from hifisyn.networks.tensor_files import read_tensors, write_tensors

FORMAT = "hifisyn base training 1"
LATEST = "checkpoint_latest.pt"
WHAT = "a state of hifisyn_pretrain"


def save(path: Path, content: dict[str, Any]) -> None:
    """Write a state; a killed process leaves the one before."""
    write_tensors(path, {"format": FORMAT, **content})


def load(path: Path) -> dict[str, Any]:
    """Read a state onto the CPU.

    Raises:
        FileError: it is missing, broken, or of another program.
    """
    if not path.exists():
        raise FileError(path, "must exist to continue", hint="leave out --resume")
    content = read_tensors(path, WHAT)
    if content.get("format") != FORMAT:
        raise FileError(path, f"must be {WHAT}", got="another file", hint="pass --overwrite")
    return content
