"""InstaFormer's generator into one contrast, and which patches an image of some size has."""

from torch import Tensor

from hifisyn.methods.instaformer.decoder import TokenDecoder
from hifisyn.methods.instaformer.encoders import BlurContentEncoder, BlurStyleEncoder
from hifisyn.methods.instaformer.layer import StyleMLP
from hifisyn.methods.instaformer.roi import Boxes
from hifisyn.methods.instaformer.transformer import DEEP, Aggregator
from hifisyn.networks.module import TensorModule
from hifisyn.networks.padding import padded_side

TOKEN, HIDDEN = 16, 4
LARGEST_PATCH, LEAST_PATCH, LEAST_GRID = 8, 2, 6


def patch_of(side: int, n_down: int = 2) -> int:
    """Return the content pixels along a patch: the most of 8, 4 and 2 that leave 6 tokens along a side, else 2.

    >>> [patch_of(side) for side in (256, 216, 128, 96, 32)]
    [8, 8, 4, 4, 2]
    """
    patch = LARGEST_PATCH
    while patch > LEAST_PATCH and padded_side(side, 2**n_down * patch) < LEAST_GRID * 2**n_down * patch:
        patch //= 2
    return patch


def side_with_whole_patches(side: int, n_down: int = 2) -> int:
    """Return the side to which images are padded.

    >>> [side_with_whole_patches(side) for side in (256, 216, 96)]
    [256, 224, 96]
    """
    return padded_side(side, 2**n_down * patch_of(side, n_down))


class InstaFormerGenerator(TensorModule):
    """Content of any image, style of an image of this contrast, and what both together look like.

    Args:
        side: pixels along each side of the images, as `side_with_whole_patches` says.
        width: channels of the first convolutions, 64 as published; a token has 16 times as many.
        n_down: halvings between image and content, 2 as published.
        code: entries of the style, 8 as published.
        layers: of the transformer, 6 as published.
        boxes: whether there are box tokens.
    """

    def __init__(
        self, side: int, width: int = 64, n_down: int = 2, code: int = 8, layers: int = DEEP, *, boxes: bool = True
    ) -> None:
        super().__init__()
        patch, token, content_side = patch_of(side, n_down), TOKEN * width, side // 2**n_down
        self.grid, self.cells = content_side // patch, patch
        self.content_encoder = BlurContentEncoder(width, n_down)
        self.style_encoder = BlurStyleEncoder(width, n_down, code)
        self.style_mlp = StyleMLP(code, HIDDEN * width, token)
        self.aggregator = Aggregator(width * 2**n_down, content_side, patch, token, layers, boxes=boxes)
        self.decoder = TokenDecoder(width, n_down, patch, token)

    def encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the content of images and the features that PatchNCE compares, see `BlurContentEncoder`."""
        return self.content_encoder(image)

    def code(self, image: Tensor) -> Tensor:
        """Return the style (N, code) of images (N, 1, side, side)."""
        return self.style_encoder(image)

    def forward(self, content: Tensor, code: Tensor, boxes: Boxes | None = None) -> Tensor:
        """Return images (N, 1, side, side) in [-1, 1] of content and style codes (N, code)."""
        tokens = self.aggregator(content, self.style_mlp.style(code), boxes)
        return self.decoder(tokens, self.grid)
