"""The brain network's weights: a file of a training, and the one that the package holds."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hifisyn.brain_network.network import BrainNetwork
from hifisyn.networks import weights_file
from hifisyn.preprocessing.steps import BRAIN_RELEASE

FORMAT = "hifisyn brain 1"
WEIGHTS = "brain.safetensors"
NAME = f"brain@{BRAIN_RELEASE}"
SHIPPED = Path(__file__).parent / "shipped" / f"brain{BRAIN_RELEASE}.safetensors"


@dataclass(frozen=True)
class Weights:
    """A network and where it is from.

    Attributes:
        network: in evaluation mode, single precision.
        sha256: of the file.
        card: what the training wrote beside the weights, plain data.
    """

    network: BrainNetwork
    sha256: str
    card: dict[str, object]


def write(path: Path, network: BrainNetwork, card: dict[str, object]) -> str:
    """Write a network in half precision, and its SHA-256 beside it; return that."""
    about = {"width": str(network.width), "card": json.dumps(card)}
    return weights_file.write(path, FORMAT, network.state_dict(), about)


def read(path: Path) -> Weights:
    """Read the weights of a file, or of the folder of a training.

    Raises:
        FileError: it is missing, broken, of another program, or not what its hash says.
    """
    file = path / WEIGHTS if path.is_dir() else path
    content = weights_file.read(file, FORMAT, hint="make it with hifisyn_pretrain --what mask")
    try:
        network = BrainNetwork(int(content.about["width"]))
        network.load_state_dict(content.tensors)
        card = json.loads(content.about["card"])
    except (KeyError, ValueError, RuntimeError):
        raise weights_file.broken(file, FORMAT) from None
    network.eval().requires_grad_(False)
    return Weights(network, content.sha256, card)


@lru_cache(maxsize=1)
def shipped() -> Weights:
    """Return the network that the package holds, loaded once a process.

    Raises:
        FileError: the weights or their hash are missing, or do not belong together.
    """
    weights_file.check_shipped(SHIPPED, NAME)
    return read(SHIPPED)
