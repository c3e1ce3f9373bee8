"""HiFi-Syn in testing: content of the source, read from the bank, rendered with the target's mean code."""

from torch import Tensor

from hifisyn.methods.hifisyn.networks import HiFiSynNetworks
from hifisyn.networks.module import TensorModule


class HiFiSynTranslator(TensorModule):
    """One direction: (N, 1, H, W) in [-1, 1] to the same; no labels, no exemplar, no noise.

    Args:
        networks: whose weights it shares.
        source: contrast of the images.
        target: contrast to make.
    """

    def __init__(self, networks: HiFiSynNetworks, source: str, target: str) -> None:
        super().__init__()
        self.source, self.target = source, target
        self.content_encoder, self.generator = networks.content_encoder, networks.generator
        self.memory_bank, self.running_code = networks.memory_bank, networks.running_code

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        content = self.content_encoder(image, self.source)
        bank = self.memory_bank
        retrieved = None if bank is None else bank.retrieve(content, bank.table(self.target), None)
        code = self.running_code(self.target).expand(len(image), -1)
        return self.generator(content, retrieved, code, self.target)
