"""A small 3D U-Net on a coarse grid: where the brain is."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, interpolate, leaky_relu

from hifisyn.networks.module import Layers, TensorModule

GRID_MM = 4.0
HALVINGS = 3
MULTIPLE = 2**HALVINGS  # that sides of a volume are brought to
SLOPE = 0.1


class Step(nn.Module):
    """Convolution, instance norm, leaky ReLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(in_channels, channels, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm3d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, X, Y, Z) to (N, channels, X, Y, Z)."""
        return leaky_relu(self.norm(self.convolution(x)), SLOPE, inplace=True)


class BrainNetwork(TensorModule):
    """A head in, logits of its brain out.

    Skips are added, not concatenated: at full size, where most of the time goes, that is half of the work.

    Args:
        width: channels at full size; twice as many after each of three halvings.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        channels = [width * 2**n for n in range(HALVINGS + 1)]
        self.first = Step(1, width)
        self.down = nn.ModuleList(Layers(Step(a, b), Step(b, b)) for a, b in pairwise(channels))
        pairs = list(pairwise(channels))[::-1]
        self.narrow = nn.ModuleList(nn.Conv3d(b, a, 1) for a, b in pairs)
        self.up = nn.ModuleList(Step(a, a) for a, _ in pairs)
        self.last = nn.Conv3d(width, 1, 1)

    def forward(self, heads: Tensor) -> Tensor:
        """Find brains.

        Args:
            heads: (N, 1, X, Y, Z) of `scaled`, axes to the right, to the front and up; sides a multiple of 8.

        Returns:
            (N, 1, X, Y, Z) logits.
        """
        x = self.first(heads)
        passed = [x]
        for level in self.down:
            x = level(avg_pool3d(x, 2))
            passed.append(x)
        for narrow, level, beside in zip(self.narrow, self.up, reversed(passed[:-1]), strict=True):
            grown = interpolate(narrow(x), scale_factor=2, mode="trilinear", align_corners=False)
            x = level(grown + beside)
        logits: Tensor = self.last(x)
        return logits
