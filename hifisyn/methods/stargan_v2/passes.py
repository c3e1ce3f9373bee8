"""The passes of StarGAN v2: random numbers or exemplars to styles, images and styles to images, images to logits."""

from typing import Literal

from torch import Tensor

from hifisyn.methods.stargan_v2.networks import StarGANv2Networks
from hifisyn.methods.stargan_v2.task import StyleTask

StyleSource = Literal["latent", "exemplar"]


class Passes:
    """The networks that the losses move, and how the M images of a step go through them.

    Args:
        networks: of the method.
    """

    def __init__(self, networks: StarGANv2Networks) -> None:
        self.networks = networks

    def style(self, task: StyleTask, kind: StyleSource, number: int) -> Tensor:
        """Return the first (0) or second (1) styles (M, STYLE) of the target domains, drawn or read from exemplars."""
        if kind == "latent":
            return self.networks.mapping_network(task.latents[number], task.target).float()
        return self.read(task.exemplars[number], task.target)

    def read(self, image: Tensor, domain: Tensor) -> Tensor:
        """Return the styles (M, STYLE) that E reads from images of the given domains."""
        return self.networks.style_encoder(image, domain).float()

    def generate(self, image: Tensor, style: Tensor) -> Tensor:
        """Return images (M, 1, H, W) in given styles."""
        return self.networks.generator(image, style).float()

    def logits(self, image: Tensor, domain: Tensor) -> Tensor:
        """Return whether images are real ones of the given domains: logits (M,), large means real."""
        return self.networks.discriminator(image, domain).squeeze(1)
