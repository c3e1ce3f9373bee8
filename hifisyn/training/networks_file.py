"""Networks of a method and the plans that they were made by, as one safetensors file: tensors and text only.

What a pre-training without a data set leaves; `hifisyn_train --pretrained` begins with it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from hifisyn.networks import weights_file
from hifisyn.plans import Plans

FORMAT = "hifisyn networks 1"
NETWORKS = "networks.safetensors"


def write(path: Path, tensors: Mapping[str, Tensor], plans: Plans, card: Mapping[str, object]) -> str:
    """Write weights and buffers by their names in a method's networks; return the file's SHA-256.

    Args:
        path: the file; its hash comes to lie beside it.
        tensors: by name.
        plans: of the networks, whose method they are of.
        card: where they are from, plain data.
    """
    about = {"plans": plans.model_dump_json(), "card": json.dumps(card)}
    return weights_file.write(path, FORMAT, tensors, about)


def read(path: Path) -> tuple[dict[str, Tensor], Plans]:
    """Return the weights by name, and the plans.

    Raises:
        UserError: the file is missing, broken, of another program, or not what its hash says; or the plans cannot work.
    """
    content = weights_file.read(path, FORMAT, hint="make it with hifisyn_pretrain -tr HiFiSyn")
    try:
        plans = json.loads(content.about["plans"])
    except (KeyError, ValueError):
        plans = None
    if not isinstance(plans, dict):
        raise weights_file.broken(path, FORMAT)
    return content.tensors, Plans.checked(plans, str(path))
