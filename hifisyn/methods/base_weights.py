"""The base model's weights by the names that they have in the networks of Paired and Adapted."""

from torch import Tensor

from hifisyn.base import shipped
from hifisyn.base.contrasts import SLOTS, TARGETS
from hifisyn.base.unet import BaseNetwork
from hifisyn.methods.named_network import EMPTY, FIRST, named_parts
from hifisyn.training.contract import GENERATOR, BaseWeights


def shipped_weights() -> BaseWeights:
    """Return the weights of the base model that comes with the package, for a method whose generator has its network.

    Raises:
        FileError: they are not there.
    """
    network = shipped.shipped().network
    return BaseWeights(shipped.FILE, network.width, base_weights(network, f"{GENERATOR}."))


def base_weights(network: BaseNetwork, prefix: str) -> dict[str, Tensor]:
    """Return the weights of a base model by name; those of slots and targets stand by themselves.

    Args:
        network: of the base model.
        prefix: of the names.
    """
    parts = {
        prefix + name: part
        for whole, tensor in network.state_dict().items()
        for name, part in named_parts(whole, tensor, SLOTS, TARGETS).items()
    }
    layer, _, kind = FIRST.rpartition(".")
    return parts | {f"{prefix}{layer}.{EMPTY}.{kind}": network.state_dict()[FIRST].sum(dim=1, keepdim=True)}
