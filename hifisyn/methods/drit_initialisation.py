"""How DRIT++ draws fresh weights, and MGUIT, which is built on its networks."""

from typing import Literal

from torch import nn

from hifisyn.networks.blocks import PREACTIVATION_SLOPE, SLOPE
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init

Init = Literal["normal", "he"]


def draw_weights(networks: nn.Module, attribute_encoder: nn.Module, width: int, init: Init) -> None:
    """Draw fresh weights as published or, if `init` says so, after He in E^a and the discriminators of images.

    Args:
        networks: whose children are drawn, one after the other.
        attribute_encoder: E^a, one of them.
        width: channels of the first convolutions.
        init: "normal" as published; "he" for narrow networks.
    """
    for network in networks.children():
        normal_init(network, width)
        if init == "he" and network is attribute_encoder:
            he_init(network, PREACTIVATION_SLOPE)
        if init == "he" and isinstance(network, ImageDiscriminator):
            he_init(network, SLOPE)
