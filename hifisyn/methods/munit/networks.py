"""The networks of MUNIT as the plan sizes them."""

from torch import nn

from hifisyn.methods.munit.decoder import MunitDecoder
from hifisyn.methods.munit.encoders import MunitContentEncoder, MunitStyleEncoder
from hifisyn.methods.munit.settings import MUNITSettings
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.initialisation import he_init, normal_init
from hifisyn.networks.running_code import RunningCode
from hifisyn.plans import Plans

SLOPE = 0.2


class MUNITNetworks(nn.Module):
    """The auto-encoders and discriminators by contrast, and the mean styles.

    Args:
        plans: of the training.
        settings: MUNIT's own.
        domains: the two contrasts.
    """

    def __init__(self, plans: Plans, settings: MUNITSettings, domains: tuple[str, ...]) -> None:
        super().__init__()
        side, sizes, blocks = plans.slices.crop, settings.networks, settings.blocks
        width, n_down, code = sizes.width, sizes.n_down, sizes.attribute_code
        self.content_encoder = ByModality(domains, lambda: MunitContentEncoder(width, n_down, blocks))
        self.style_encoder = ByModality(domains, lambda: MunitStyleEncoder(side, width, code))
        self.decoder = ByModality(domains, lambda: MunitDecoder(width, n_down, blocks, code))
        for network in self.children():
            he_init(network, slope=0.0)
        self.discriminator = ImageDiscriminator(domains, side, width, "multiscale", SLOPE)
        normal_init(self.discriminator, width, zero_bias=True)
        if sizes.init == "he":
            he_init(self.discriminator, SLOPE)
        self.mean_style = RunningCode(domains, code, settings.attribute_ema)
