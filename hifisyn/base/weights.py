"""The base model's weights as one safetensors file: tensors and text only, with their hash beside them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hifisyn.base.calibration import Calibration
from hifisyn.base.contrasts import SLOTS, TARGETS
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
        calibration: of the errors that the network expects.
    """

    network: BaseNetwork
    sha256: str
    card: dict[str, object]
    calibration: Calibration


def write(
    path: Path, network: BaseNetwork, card: dict[str, object], calibration: Calibration = MappingProxyType({})
) -> str:
    """Write a network in half precision, and its SHA-256 beside it; return that."""
    tensors = {name: tensor.detach().cpu().half().contiguous() for name, tensor in network.state_dict().items()}
    with atomic(path) as temporary:
        about = {"card": json.dumps(card), "calibration": json.dumps(calibration, default=dict)}
        save_file(tensors, temporary, {"format": FORMAT, "width": str(network.width), **about})
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
        card, calibration = json.loads(about["card"]), _factors(json.loads(about["calibration"]))
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, UserError) as error:
        got = error.got if isinstance(error, UserError) else "a broken file"
        raise FileError(file, f"must be weights of format {FORMAT!r}", got=got, hint="copy it again") from None
    network.eval().requires_grad_(False)
    return Weights(network, digest, card, calibration)


def _factors(read: dict[str, dict[str, float]]) -> Calibration:
    """Return factors as they must be: of contrasts that are known, above 0.

    Raises:
        ValueError: they are not.
    """
    found = {source: {target: float(value) for target, value in of.items()} for source, of in read.items()}
    values = [value for of in found.values() for value in of.values()]
    known = set(found) <= set(SLOTS) and all(set(of) <= set(TARGETS) for of in found.values())
    if not known or not all(0 < value < math.inf for value in values):
        raise ValueError("calibration")
    return found
