"""One direction of the network: a slice amid its neighbours in, its translation and expected error out.

Where pixels are fine, an evaluated network sees an image at two scales, as the base model does; one that is trained
sees the scale that it is shown.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from hifisyn.base.contrasts import CONTEXT
from hifisyn.base.two_scales import BLOCK, blended, halved, is_fine
from hifisyn.base.unet import MULTIPLE
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.named_network import NamedNetwork
from hifisyn.networks.module import TensorModule


class Translator(TensorModule):
    """(N, 3, H, W) in [-1, 1] to (N, 2, H, W): the image in [-1, 1] and the logarithm of its expected absolute error.

    Args:
        network: of all directions.
        source: contrast of the slices.
        target: contrast to synthesise.
        pixel_mm: side of a pixel in mm; up to 1.25, an image is seen with pixels of double the side too.
        look: (2, 4), the tissue means of the target and of each whether it is known, 1 or 0; for a network that is told
            them.
    """

    def __init__(
        self, network: NamedNetwork, source: str, target: str, pixel_mm: float, look: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network, self.source = network, source
        self.place, self.count = network.contrasts.index(target), len(network.contrasts)
        where = network.last.weight.device
        self.pixel_mm, self.at_pixel = pixel_mm, len(network.contrasts)
        told = torch.tensor([*(float(contrast == source) for contrast in network.contrasts), math.log(pixel_mm)])
        if look is not None:
            looks = torch.zeros(2, self.count, look.shape[1])
            looks[:, self.place] = look.detach().cpu()
            told = torch.cat([told, looks.flatten()])
        self.register_buffer("told", told[None].to(where), persistent=False)
        self.told: Tensor

    def forward(self, image: Tensor) -> Tensor:
        """Translate; sides of any length, at least 16."""
        found = self._seen(image, self.told)
        if self.network.training or not is_fine(self.pixel_mm, image.shape[-2:]):
            return found
        height, width = image.shape[-2:]
        small = halved(pad(image, (0, -width % BLOCK, 0, -height % BLOCK), value=OUTSIDE))
        told = self.told.clone()
        told[:, self.at_pixel] += math.log(BLOCK)
        return blended(found, self._seen(small, told), small[:, CONTEXT] > OUTSIDE)

    def _seen(self, image: Tensor, told: Tensor) -> Tensor:
        """Return what the network makes of an image at one scale."""
        height, width = image.shape[-2:]
        empty = torch.full_like(image, OUTSIDE)
        slots = [image if contrast == self.source else empty for contrast in self.network.contrasts]
        ends = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        found = self.network(pad(torch.cat(slots, dim=1), ends, value=OUTSIDE), told.expand(len(image), -1))
        return found[:, self.place :: self.count, :height, :width]
