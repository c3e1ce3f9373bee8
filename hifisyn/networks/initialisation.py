"""How fresh weights are drawn."""

import math

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def normal_init(network: nn.Module, width: int, *, zero_bias: bool = False) -> None:
    """Draw every convolution's weight from N(0, 0.02 * sqrt(64 / width)); all else keeps the framework's values.

    At the published width of 64 this is DRIT's N(0, 0.02). The factor keeps the variance of a narrower layer's
    output what it is there; without it a small network begins almost constant.

    Args:
        network: whose modules are drawn.
        width: channels of its first convolution.
        zero_bias: as CycleGAN: linear layers are drawn too, and biases set to 0.
    """
    std = 0.02 * math.sqrt(64 / width)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) or (zero_bias and isinstance(module, nn.Linear)):
            nn.init.normal_(module.weight, 0.0, std)
            if zero_bias and module.bias is not None:
                nn.init.zeros_(module.bias)


def he_init(network: nn.Module, slope: float) -> None:
    """Draw every weight after He et al. (ICCV 2015) for leaky ReLUs of the given slope, and set biases to 0.

    As some methods publish it, and for narrow networks without norm: under `normal_init` the attributes of two images
    are nearly one vector, and a fresh discriminator hardly tells an image from its negative.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, a=slope)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def normalise_spectra(network: nn.Module) -> None:
    """Let every convolution have a spectral norm of 1 (Miyato et al., ICLR 2018); last, after weights were drawn."""
    for module in [m for m in network.modules() if isinstance(m, nn.Conv2d)]:
        spectral_norm(module)
