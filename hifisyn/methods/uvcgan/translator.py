"""UVCGAN's generators among images of any side, and in testing among images in [-1, 1]."""

from torch import Tensor

from hifisyn.methods.uvcgan.vit_unet import VitUNet
from hifisyn.networks.module import TensorModule
from hifisyn.networks.padding import cropped, padded, padded_side

MULTIPLE, LEAST_SIDE = 16, 32


def within_black(generator: VitUNet, image: Tensor) -> Tensor:
    """Return what a generator makes of (N, 1, H, H) in [0, 1], which it sees padded with black to a side that fits."""
    side = image.shape[-1]
    return cropped(generator(padded(image, padded_side(side, MULTIPLE, LEAST_SIDE), value=0.0)), side)


class UVCGANTranslator(TensorModule):
    """One direction: (N, 1, H, H) in [-1, 1] to the same.

    Args:
        generator: whose weights it shares.
    """

    def __init__(self, generator: VitUNet) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        return 2 * within_black(self.generator, (image + 1) / 2) - 1
