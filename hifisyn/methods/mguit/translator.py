"""MGUIT in testing: content of the source, rendered with the styles that it reads from the target's values."""

from torch import Tensor

from hifisyn.methods.mguit.networks import MGUITNetworks, unit_content
from hifisyn.networks.module import TensorModule


class MGUITTranslator(TensorModule):
    """One direction: (N, 1, H, W) in [-1, 1] to the same; no labels, all items read, no noise.

    Args:
        networks: whose weights it shares.
        source: contrast of the images.
        target: contrast to make.
    """

    def __init__(self, networks: MGUITNetworks, source: str, target: str) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.content_encoder, self.generator = networks.content_encoder, networks.generator
        self.class_memory = networks.class_memory

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        content = unit_content(self.content_encoder, image, self.source)
        return self.generator(content, self.class_memory.read(content, self.target, None), self.target)
