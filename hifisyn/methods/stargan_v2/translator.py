"""StarGAN v2 in testing: the source in the mean style of the target."""

from torch import Tensor, nn

from hifisyn.methods.stargan_v2.networks import StarGANv2Networks
from hifisyn.networks.padding import cropped, padded


class StarGANv2Translator(nn.Module):
    """Any contrast to one: (N, 1, H, W) in [-1, 1] to the same.

    Args:
        networks: whose weights it shares, the smoothed ones where there are any.
        target: contrast to make.
        side: pixels along each side of what the networks see.
    """

    def __init__(self, networks: StarGANv2Networks, target: str, side: int) -> None:
        super().__init__()
        self.target, self.side = target, side
        self.generator, self.running_code = networks.lasting.generator, networks.running_code

    def forward(self, image: Tensor) -> Tensor:
        """Return images of the target contrast."""
        style = self.running_code(self.target).expand(len(image), -1)
        translation = self.generator(padded(image, self.side), style)
        return cropped(translation, image.shape[-1]).clamp(-1, 1)
