"""The base model's weights as one safetensors file: tensors and text only, with their hash beside them."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import FileError, UserError
from hifisyn.files import atomic, sha256, write_text

FORMAT = "hifisyn base 1"
WEIGHTS, HASH = "base.safetensors", ".sha256"


@dataclass(frozen=True)
class Weights:
    """A network and where it is from.

    Attributes:
        network: in evaluation mode, single precision.
        sha256: of the file.
        card: what the training wrote beside the weights, plain data.
    """

    network: BaseNetwork
    sha256: str
    card: dict[str, object]


def write(path: Path, network: BaseNetwork, card: dict[str, object]) -> str:
    """Write a network in half precision, and its SHA-256 beside it; return that."""
    tensors = {name: tensor.detach().cpu().half().contiguous() for name, tensor in network.state_dict().items()}
    with atomic(path) as temporary:
        save_file(tensors, temporary, {"format": FORMAT, "width": str(network.width), "card": json.dumps(card)})
    digest = sha256(path)
    write_text(path.with_name(path.name + HASH), f"{digest}  {path.name}\n")
    return digest


def read(path: Path) -> Weights:
    """Read the weights of a file, or of the folder of a training.

    Raises:
        FileError: it is missing, broken, of another program, or not what its hash says.
    """
    file = path / WEIGHTS if path.is_dir() else path
    if not file.is_file():
        raise FileError(file, "does not exist", hint="make it with hifisyn_pretrain")
    digest = sha256(file)
    beside = file.with_name(file.name + HASH)
    if beside.is_file() and beside.read_text(encoding="utf-8").split()[:1] != [digest]:
        raise FileError(file, f"must have the hash of {beside.name}", got=digest, hint="copy both files again")
    try:
        with safe_open(file, "pt") as content:
            about = content.metadata() or {}
            tensors = {name: content.get_tensor(name).float() for name in content.keys()}  # noqa: SIM118
        if about.get("format") != FORMAT:
            raise UserError("", got=about.get("format") or "another file")
        network = BaseNetwork(int(about["width"]))
        network.load_state_dict(tensors)
        card = json.loads(about["card"])
    except (SafetensorError, KeyError, ValueError, RuntimeError, UserError) as error:
        got = error.got if isinstance(error, UserError) else "a broken file"
        raise FileError(file, f"must be weights of format {FORMAT!r}", got=got, hint="copy it again") from None
    network.eval().requires_grad_(False)
    return Weights(network, digest, card)
