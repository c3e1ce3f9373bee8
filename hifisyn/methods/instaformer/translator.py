"""InstaFormer in testing: the target's model, with its mean style and without boxes."""

from torch import Tensor

from hifisyn.methods.instaformer.networks import InstaFormerNetworks
from hifisyn.networks.module import TensorModule
from hifisyn.networks.padding import cropped, padded


class InstaFormerTranslator(TensorModule):
    """Into one contrast, from any: (N, 1, H, W) in [-1, 1] to the same.

    Args:
        networks: whose weights it shares.
        target: contrast to make.
    """

    def __init__(self, networks: InstaFormerNetworks, target: str) -> None:
        super().__init__()
        self.target, self.side = target, networks.side
        self.generator, self.mean_style = networks.generator[target], networks.mean_style

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        content, _ = self.generator.encode(padded(image, self.side))
        code = self.mean_style(self.target).expand(len(image), -1)
        return cropped(self.generator(content, code), image.shape[-1])
