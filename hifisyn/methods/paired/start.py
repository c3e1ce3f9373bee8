"""The base model's weights by the names that they have in the networks of Paired."""

from torch import Tensor

from hifisyn.base.contrasts import SLOTS, TARGETS
from hifisyn.base.unet import BaseNetwork
from hifisyn.methods.paired.network import named_parts


def base_weights(network: BaseNetwork, prefix: str) -> dict[str, Tensor]:
    """Return the weights of a base model by name; those of slots and targets stand by themselves.

    Args:
        network: of the base model.
        prefix: of the names.
    """
    return {
        prefix + name: part
        for whole, tensor in network.state_dict().items()
        for name, part in named_parts(whole, tensor, SLOTS, TARGETS).items()
    }
