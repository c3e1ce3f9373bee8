"""AttentionGAN's generator: images of its own and the source, mixed pixel by pixel by masks (arXiv 1911.11897)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hifisyn.networks.blocks import reflected
from hifisyn.networks.module import TensorModule
from hifisyn.networks.resnet import BLOCKS, ResnetDecoder, ResnetEncoder

MASKS = 10


@dataclass(frozen=True)
class Mixture:
    """What a translation is mixed of.

    Attributes:
        layers: (N, MASKS, H, W) in [-1, 1]; the last is the source itself, unless `geo`.
        masks: (N, MASKS, H, W) float32, positive, 1 in sum at every pixel.
    """

    layers: Tensor
    masks: Tensor

    def image(self) -> Tensor:
        """Return the translation (N, 1, H, W), in [-1, 1] up to rounding."""
        return (self.layers * self.masks).sum(dim=1, keepdim=True)


class AttentionGenerator(TensorModule):
    """One encoder and two decoders, of images and of masks: (N, 1, H, W) in [-1, 1] to the same.

    Args:
        width: channels of the first convolution, 64 as published.
        n_down: halvings, 2 as published; sides are multiples of 2**n_down.
        blocks: residual blocks, 9 as published.
        geo: no mask keeps the source; ten images are generated instead of nine.
    """

    def __init__(self, width: int = 64, n_down: int = 2, blocks: int = BLOCKS, *, geo: bool = False) -> None:
        super().__init__()
        self.geo = geo
        images = MASKS if geo else MASKS - 1
        self.encoder = ResnetEncoder(width, n_down, blocks)
        self.content = ResnetDecoder(width, n_down, head=reflected(width, images, 7, padding=3))
        self.attention = ResnetDecoder(width, n_down, head=nn.Conv2d(width, MASKS, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Translate images; the result is float32, in [-1, 1] up to rounding."""
        return self.mixture(image).image()

    def mixture(self, image: Tensor) -> Mixture:
        """Return the layers and masks of a translation."""
        features = self.encoder(image)
        images, logits = self.content(features).tanh(), self.attention(features)
        with torch.autocast(image.device.type, enabled=False):
            layers = images.float() if self.geo else torch.cat([images.float(), image.float()], dim=1)
            return Mixture(layers, logits.float().softmax(dim=1))
