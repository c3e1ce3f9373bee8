"""MUNIT in testing: content of the source, rendered by the target's decoder in one style."""

import torch
from torch import Tensor

from hifisyn.methods.munit.networks import MUNITNetworks
from hifisyn.methods.munit.settings import TestStyle
from hifisyn.networks.module import TensorModule


class MUNITTranslator(TensorModule):
    """One direction: (N, 1, H, W) in [-1, 1] to the same; no exemplar.

    Args:
        networks: whose weights it shares.
        source: contrast of the images.
        target: contrast to make.
        test_style: the target's mean style, or that in the middle of the prior: zeros.
    """

    def __init__(self, networks: MUNITNetworks, source: str, target: str, test_style: TestStyle) -> None:
        super().__init__()
        self.target, self.test_style = target, test_style
        self.content_encoder, self.decoder = networks.content_encoder[source], networks.decoder[target]
        self.mean_style = networks.mean_style

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        style = self.mean_style(self.target)
        if self.test_style == "prior":
            style = torch.zeros_like(style)
        return self.decoder(self.content_encoder(image), style.expand(len(image), -1))
