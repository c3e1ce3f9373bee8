"""The base model's weights as one safetensors file: tensors and text only, with their hash beside them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hifisyn.base.calibration import Calibration
from hifisyn.base.contrasts import SLOTS, TARGETS
from hifisyn.base.naming import Naming
from hifisyn.base.unet import BaseNetwork
from hifisyn.networks import weights_file

FORMAT = "hifisyn base 1"
WEIGHTS = "base.safetensors"


@dataclass(frozen=True)
class Weights:
    """A network and where it is from.

    Attributes:
        network: in evaluation mode, single precision.
        sha256: of the file.
        card: what the training wrote beside the weights, plain data.
        calibration: of the errors that the network expects.
        naming: of contrasts, by what the network makes of them; none where it was not fitted.
    """

    network: BaseNetwork
    sha256: str
    card: dict[str, object]
    calibration: Calibration
    naming: Naming | None = None


def write(
    path: Path,
    network: BaseNetwork,
    card: dict[str, object],
    calibration: Calibration = MappingProxyType({}),
    naming: Naming | None = None,
) -> str:
    """Write a network in half precision, and its SHA-256 beside it; return that."""
    about = {"card": json.dumps(card), "calibration": json.dumps(calibration, default=dict)}
    about |= {"naming": naming.to_json()} if naming else {}
    return weights_file.write(path, FORMAT, network.state_dict(), {"width": str(network.width), **about})


def read(path: Path) -> Weights:
    """Read the weights of a file, or of the folder of a training.

    Raises:
        FileError: it is missing, broken, of another program, or not what its hash says.
    """
    file = path / WEIGHTS if path.is_dir() else path
    content = weights_file.read(file, FORMAT, hint="make it with hifisyn_pretrain")
    try:
        network = BaseNetwork(int(content.about["width"]))
        network.load_state_dict(content.tensors)
        card, calibration = json.loads(content.about["card"]), _calibration(json.loads(content.about["calibration"]))
        naming = Naming.from_json(content.about["naming"]) if "naming" in content.about else None
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError):
        raise weights_file.broken(file, FORMAT) from None
    network.eval().requires_grad_(False)
    return Weights(network, content.sha256, card, calibration, naming)


def _calibration(read: dict[str, dict[str, list[float]]]) -> Calibration:
    """Return factors and least errors as they must be: of contrasts that are known, finite, above 0 and not below.

    Raises:
        ValueError, TypeError: they are not.
    """
    found = {s: {t: (float(factor), float(least)) for t, (factor, least) in of.items()} for s, of in read.items()}
    values = [value for of in found.values() for value in of.values()]
    known = set(found) <= set(SLOTS) and all(set(of) <= set(TARGETS) for of in found.values())
    if not known or not all(0 < factor < math.inf and 0 <= least < math.inf for factor, least in values):
        raise ValueError("calibration")
    return found
