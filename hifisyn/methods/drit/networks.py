"""The networks of DRIT++ as the plan sizes them."""

from torch import nn

from hifisyn.methods.drit.settings import DRITSettings
from hifisyn.methods.drit_initialisation import draw_weights
from hifisyn.networks.attribute_encoder import AttributeEncoder
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.generator import Generator
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import Plans


class DRITNetworks(nn.Module):
    """E^c, E^a, G, both discriminators of images, D^c and the mean code.

    Args:
        plans: of the training.
        settings: DRIT's own.
        domains: the two contrasts.
    """

    def __init__(self, plans: Plans, settings: DRITSettings, domains: tuple[str, ...]) -> None:
        super().__init__()
        sizes, side = settings.networks, plans.slices.crop
        width, down, blocks, code = sizes.width, sizes.n_down, sizes.content_blocks, sizes.attribute_code
        self.content_encoder = ContentEncoder(domains, width, down, blocks)
        self.attribute_encoder = AttributeEncoder(domains, width, down, code, value_width=0, heads=2)
        self.generator = Generator(domains, width, down, blocks, code, value_width=0)
        self.image_discriminator = ImageDiscriminator(domains, side, width, "multiscale")
        self.random_discriminator = ImageDiscriminator(domains, side, width, "multiscale")
        self.content_discriminator = ContentDiscriminator(domains, sizes.content_width, side // sizes.stride)
        draw_weights(self, self.attribute_encoder, width, sizes.init)
        self.running_code = RunningCode(domains, code, settings.attribute_ema)
