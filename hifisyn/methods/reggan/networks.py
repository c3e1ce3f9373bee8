"""The networks of RegGAN, as its mode needs them."""

from collections.abc import Sequence

from torch import nn

from hifisyn.methods.reggan.registration import RegistrationNet
from hifisyn.methods.reggan.settings import RegGANSettings
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_pool import ImagePools
from hifisyn.networks.patchgan import PatchGAN
from hifisyn.networks.resnet import ResnetGenerator


class RegGANNetworks(nn.Module):
    """Generators and, in the modes with r, registration networks by target; discriminators and pools by contrast.

    Generators and discriminators keep the framework's weights, as published.

    Args:
        domains: the two contrasts.
        side: pixels along each side of an image.
        settings: of the method.
    """

    registration: ByModality[RegistrationNet] | None
    pool: ImagePools | None

    def __init__(self, domains: Sequence[str], side: int, settings: RegGANSettings) -> None:
        super().__init__()
        sizes, blocks, pool = settings.networks, settings.blocks, settings.pool
        self.generator = ByModality(domains, lambda: ResnetGenerator(sizes.width, sizes.n_down, blocks))
        self.discriminator = ByModality(domains, lambda: PatchGAN(side, sizes.width))
        self.registration = None
        if settings.registers:
            self.registration = ByModality(domains, lambda: RegistrationNet(side, sizes.width))
        self.pool = ImagePools(domains, pool, side) if settings.cycles and pool else None
