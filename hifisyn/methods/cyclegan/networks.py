"""The networks of CycleGAN, and of the methods that are CycleGAN with another generator."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from torch import nn

from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_pool import ImagePools
from hifisyn.networks.initialisation import normal_init
from hifisyn.networks.patchgan import PatchGAN

G = TypeVar("G", bound=nn.Module)


class CycleGANNetworks(nn.Module, Generic[G]):
    """A generator by target, a discriminator and, if anything is remembered, a pool by contrast.

    Args:
        domains: the two contrasts.
        build_generator: makes one generator, whose weights are drawn afterwards.
        side: pixels along each side of an image.
        width: channels of the first convolution.
        pool: earlier translations that a discriminator sees again.
    """

    pool: ImagePools | None

    def __init__(
        self, domains: Sequence[str], build_generator: Callable[[], G], side: int, width: int, pool: int
    ) -> None:
        super().__init__()
        self.generator = ByModality(domains, build_generator)
        self.discriminator = ByModality(domains, lambda: PatchGAN(side, width))
        for network in (self.generator, self.discriminator):
            normal_init(network, width, zero_bias=True)
        self.pool = ImagePools(domains, pool, side) if pool else None
