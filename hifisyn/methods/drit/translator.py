"""DRIT++ in testing: content of the source, rendered with the target's mean code."""

from torch import Tensor

from hifisyn.methods.drit.networks import DRITNetworks
from hifisyn.networks.module import TensorModule


class DRITTranslator(TensorModule):
    """One direction: (N, 1, H, W) in [-1, 1] to the same; no exemplar, no noise.

    Args:
        networks: whose weights it shares.
        source: contrast of the images.
        target: contrast to make.
    """

    def __init__(self, networks: DRITNetworks, source: str, target: str) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.content_encoder, self.generator = networks.content_encoder, networks.generator
        self.running_code = networks.running_code

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        code = self.running_code(self.target).expand(len(image), -1)
        return self.generator(self.content_encoder(image, self.source), None, code, self.target)
