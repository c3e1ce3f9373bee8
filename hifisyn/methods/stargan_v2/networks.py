"""The networks of StarGAN v2, and the smoothed copies of those that translate."""

import copy

import torch
from torch import nn

from hifisyn.methods.stargan_v2.generator import StyledGenerator, halvings_of
from hifisyn.methods.stargan_v2.heads import DomainHeads
from hifisyn.methods.stargan_v2.mapping import MappingNetwork
from hifisyn.methods.stargan_v2.settings import StarGANv2Settings
from hifisyn.methods.stargan_v2.task import LATENT
from hifisyn.networks.initialisation import he_init
from hifisyn.networks.padding import padded_side
from hifisyn.networks.running_code import RunningCode

STYLE = 64


class StyledNetworks(nn.Module):
    """G, F and E: what translates, and what draws a style or reads it from an image.

    Args:
        generator: G.
        mapping_network: F.
        style_encoder: E.
    """

    def __init__(self, generator: StyledGenerator, mapping_network: MappingNetwork, style_encoder: DomainHeads) -> None:
        super().__init__()
        self.generator, self.mapping_network, self.style_encoder = generator, mapping_network, style_encoder

    @torch.no_grad()
    def follow(self, networks: "StyledNetworks", kept: float) -> None:
        """Keep a share of the weights and take the rest from other networks."""
        for mean, new in zip(self.parameters(), networks.parameters(), strict=True):
            mean.lerp_(new, 1 - kept)


class StarGANv2Networks(nn.Module):
    """D, then G, F and E, their smoothed copies if there are to be any, and the mean style of each contrast.

    Args:
        domains: the contrasts.
        crop: pixels along each side of an image.
        settings: StarGAN v2's own.
    """

    smoothed: StyledNetworks | None

    def __init__(self, domains: tuple[str, ...], crop: int, settings: StarGANv2Settings) -> None:
        super().__init__()
        side, width = side_of(crop), settings.networks.width
        self.discriminator = DomainHeads(domains, 1, side, width)
        self.generator = StyledGenerator(halvings_of(crop), width, STYLE)
        self.mapping_network = MappingNetwork(domains, LATENT, STYLE, width)
        self.style_encoder = DomainHeads(domains, STYLE, side, width)
        for network in self.children():
            he_init(network, slope=0.0)
        self.smoothed = copy.deepcopy(self.moving).requires_grad_(False) if settings.ema > 0 else None
        self.running_code = RunningCode(domains, STYLE, settings.attribute_ema)

    @property
    def moving(self) -> StyledNetworks:
        """G, F and E that the losses move."""
        return StyledNetworks(self.generator, self.mapping_network, self.style_encoder)

    @property
    def lasting(self) -> StyledNetworks:
        """G, F and E that prediction uses: the smoothed ones where there are any."""
        return self.moving if self.smoothed is None else self.smoothed


def side_of(crop: int) -> int:
    """Return the pixels along each side of what the networks see: the crop, enlarged until it halves often enough.

    >>> [side_of(crop) for crop in (132, 216, 256)]
    [136, 216, 256]
    """
    return padded_side(crop, 2 ** halvings_of(crop))
