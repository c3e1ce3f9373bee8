"""InstaFormer's encoders: one for content, one for style, alike but for the end."""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from hifisyn.methods.instaformer.blur import BlurDown
from hifisyn.networks.module import Layers

PADDING = 3


class BlurContentEncoder(nn.Module):
    """Conv 7x7, then `n_down` times conv 3x3 and a blurred halving; instance norm and ReLU after each convolution.

    Args:
        width: channels of the first convolution, 64 as published.
        n_down: halvings, 2 as published.
    """

    __call__: Callable[..., tuple[Tensor, list[Tensor]]]

    def __init__(self, width: int = 64, n_down: int = 2) -> None:
        super().__init__()
        self.layers = _trunk(width, n_down)
        self.channels = (1, *(width * 2**k for k in range(1, n_down + 1)))

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Encode images (N, 1, H, W).

        Returns:
            Content (N, width * 2**n_down, H / 2**n_down, W / 2**n_down), and the features that PatchNCE compares:
            the padded image, and what each convolution 3x3 gives before its norm, of `channels` channels.
        """
        features, x = [], image
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number == 0 or (number > 1 and isinstance(layer, nn.Conv2d)):
                features.append(x)
        return x, features


class BlurStyleEncoder(Layers):
    """The same layers, then the mean over the image and a linear layer: (N, 1, H, W) to a code (N, code).

    Args:
        width: channels of the first convolution.
        n_down: halvings.
        code: entries of the style, 8 as published.
    """

    def __init__(self, width: int = 64, n_down: int = 2, code: int = 8) -> None:
        pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width * 2**n_down, code))
        super().__init__(*_trunk(width, n_down), *pooled)


def _trunk(width: int, n_down: int) -> Layers:
    # The padding is a layer of its own, because its output is compared too.
    return Layers(
        nn.ReflectionPad2d(PADDING),
        nn.Conv2d(1, width, 7),
        nn.InstanceNorm2d(width),
        nn.ReLU(),
        *(layer for k in range(n_down) for layer in _halving(width * 2**k)),
    )


def _halving(channels: int) -> Iterator[nn.Module]:
    wide = 2 * channels
    yield from (nn.Conv2d(channels, wide, 3, padding=1), nn.InstanceNorm2d(wide), nn.ReLU(), BlurDown(wide))
