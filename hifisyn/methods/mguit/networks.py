"""The networks and the memory of MGUIT as the plan sizes them."""

from torch import Tensor, nn
from torch.nn.functional import normalize

from hifisyn.methods.drit_initialisation import draw_weights
from hifisyn.methods.mguit.class_memory import ClassMemory
from hifisyn.methods.mguit.classes import items_of
from hifisyn.methods.mguit.generator import MguitGenerator
from hifisyn.methods.mguit.settings import MGUITSettings
from hifisyn.networks.attribute_encoder import mguit_dense
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.content_discriminator import ContentDiscriminator
from hifisyn.networks.content_encoder import ContentEncoder
from hifisyn.networks.image_discriminator import ImageDiscriminator
from hifisyn.networks.precision import wide
from hifisyn.plans import Plans


class MGUITNetworks(nn.Module):
    """E^c, E^a, G, D, D^c and the memory.

    Args:
        plans: of the training.
        settings: MGUIT's own.
        domains: the two contrasts.
    """

    def __init__(self, plans: Plans, settings: MGUITSettings, domains: tuple[str, ...]) -> None:
        super().__init__()
        sizes, side, values = settings.networks, plans.slices.crop, settings.memory.value_width
        width, down, blocks = sizes.width, sizes.n_down, sizes.content_blocks
        self.content_encoder = ContentEncoder(domains, width, down, blocks)
        self.attribute_encoder = ByModality(domains, lambda: mguit_dense(width, down, values))
        self.generator = MguitGenerator(domains, width, down, blocks, values)
        self.image_discriminator = ImageDiscriminator(domains, side, width, "multiscale")
        self.content_discriminator = ContentDiscriminator(domains, sizes.content_width, side // sizes.stride)
        draw_weights(self, self.attribute_encoder, width, sizes.init)
        items = items_of(settings.memory, plans.labels)
        keep, tau = settings.keep, settings.read_tau
        self.class_memory = ClassMemory(domains, items, sizes.content_width, values, keep, tau)


def unit_content(encoder: ContentEncoder, image: Tensor, contrast: str) -> Tensor:
    """Return content (N, C, h, w) of images (N, 1, H, W), of unit norm at every pixel."""
    return normalize(wide(encoder(image, contrast)), dim=1)
