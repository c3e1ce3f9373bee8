"""InstaFormer's decoder: from tokens alone back to the image; nothing else of the content reaches it."""

from collections.abc import Iterator

from torch import Tensor, nn

from hifisyn.methods.instaformer.blur import BlurUp
from hifisyn.networks.blocks import reflected
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import InSingle


class TokenDecoder(TensorModule):
    """Transposed convolution that makes a patch of each token, then `n_down` blurred doublings, tanh at the end.

    Args:
        width: channels before the last convolution, 64 as published.
        n_down: doublings, 2 as published.
        patch: content pixels along each side of a patch, 8 as published.
        token: entries of a token, 1024 as published.
    """

    def __init__(self, width: int = 64, n_down: int = 2, patch: int = 8, token: int = 1024) -> None:
        super().__init__()
        self.patches = nn.ConvTranspose2d(token, width * 2**n_down, patch, stride=patch)
        self.layers = Layers(
            *(layer for k in range(n_down, 0, -1) for layer in _doubling(width * 2**k)),
            InSingle(reflected(width, 1, 7, padding=3)),
            nn.Tanh(),
        )

    def forward(self, tokens: Tensor, grid: int) -> Tensor:
        """Decode tokens (N, grid * grid, token) to images (N, 1, H, W) in [-1, 1]."""
        return self.layers(self.patches(tokens.transpose(1, 2).view(len(tokens), -1, grid, grid)))


def _doubling(channels: int) -> Iterator[nn.Module]:
    narrow = channels // 2
    yield from (BlurUp(), nn.Conv2d(channels, narrow, 3, padding=1), nn.InstanceNorm2d(narrow), nn.ReLU())
