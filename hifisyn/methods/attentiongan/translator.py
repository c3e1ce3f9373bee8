"""AttentionGAN in testing: the mixture, kept in the range of images."""

from torch import Tensor

from hifisyn.methods.attentiongan.generator import AttentionGenerator
from hifisyn.networks.module import TensorModule


class AttentionGANTranslator(TensorModule):
    """One direction: (N, 1, H, W) in [-1, 1] to the same; masks sum to 1 up to rounding only, hence the clamp.

    Args:
        generator: whose weights it shares.
    """

    def __init__(self, generator: AttentionGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        return self.generator(image).clamp(-1, 1)
