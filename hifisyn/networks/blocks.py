"""Building blocks of DRIT (Lee et al., ECCV 2018, arXiv 1808.00948), that HiFi-Syn's networks consist of.

Padding is by reflection throughout, which keeps the constant background of a stripped brain constant.
"""

from typing import Literal

from torch import Tensor, nn

from hifisyn.networks.module import Layers, TensorModule

SLOPE, PREACTIVATION_SLOPE = 0.01, 0.2
Upsampling = Literal["3x3", "4x4", "resize"]


def reflected(in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Return a convolution with bias whose border is a reflection."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, padding_mode="reflect")


class LReLUConv(Layers):
    """Convolution, leaky ReLU of slope 0.01 by default; no norm."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0, slope: float = SLOPE
    ) -> None:
        super().__init__(reflected(in_channels, out_channels, kernel, stride, padding), nn.LeakyReLU(slope))


class INConv(Layers):
    """Convolution, instance norm without affine, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(
            reflected(in_channels, out_channels, kernel, stride, padding), nn.InstanceNorm2d(out_channels), nn.ReLU()
        )


class INRes(TensorModule):
    """x + [conv3x3, IN, ReLU, conv3x3, IN](x), nothing after the sum.

    The last norm gives the branch a spatial mean of zero, so the global average of a chain of these blocks is
    that of its input: no loss may be built on it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = Layers(
            INConv(channels, channels, 3, padding=1),
            reflected(channels, channels, 3, padding=1),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x + self.branch(x)


class UpLN(Layers):
    """What doubles the side, layer norm over (C, H, W) with an affine a channel, ReLU.

    Args:
        in_channels: channels that come in.
        out_channels: channels that leave.
        upsampling: "3x3", a transposed convolution as published, whose outputs are sums of one, two or four products;
            "4x4", one whose outputs are sums of four each; "resize", linear interpolation and a convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, upsampling: Upsampling = "3x3") -> None:
        super().__init__(
            _doubled(in_channels, out_channels, upsampling),
            nn.GroupNorm(1, out_channels),  # one group: the layer norm above
            nn.ReLU(),
        )


def _doubled(in_channels: int, out_channels: int, upsampling: Upsampling) -> nn.Module:
    if upsampling == "resize":
        enlarged = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        return Layers(enlarged, reflected(in_channels, out_channels, 3, padding=1))
    if upsampling == "4x4":
        return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)


class PreActDown(TensorModule):
    """BicycleGAN's residual block: [act, conv3x3, act, conv3x3, pool](x) + [pool, conv1x1](x).

    Args:
        in_channels: channels that come in; the first convolution keeps them.
        out_channels: channels that leave.
        norm: instance norm before each activation, as MGUIT has it and DRIT has not.
        pool: halve the side by averaging 2x2 pixels.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool = False, pool: bool = True) -> None:
        super().__init__()
        halve: list[nn.Module] = [nn.AvgPool2d(2)] if pool else []
        steps: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            steps += [nn.InstanceNorm2d(in_channels)] if norm else []
            steps += [nn.LeakyReLU(PREACTIVATION_SLOPE), reflected(in_channels, channels, 3, padding=1)]
        self.branch = Layers(*steps, *halve)
        self.shortcut = Layers(*halve, nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) to (N, C_out, H/2, W/2), or the same side without pool."""
        return self.branch(x) + self.shortcut(x)
