"""COSMOS's generator: CycleGAN's, with a second decoder that segments what it translates (arXiv 2203.16557)."""

from collections.abc import Sequence

from torch import Tensor

from hifisyn.networks.blocks import reflected
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.resnet import BLOCKS, ResnetDecoder, ResnetGenerator


class SegmentingGenerator(ResnetGenerator):
    """One encoder, two decoders that share nothing: called, it translates (N, 1, H, W) as its base class does.

    Args:
        classes: names of what the logits of the segmentation are of, in their order, background included. The decoder
            bears them in its state, so that weights for others, or for another order, are not taken for it.
        width: channels of the first convolution, 64 as published.
        n_down: halvings, 2 as published; sides are multiples of 2**n_down.
        blocks: residual blocks, 9 as published.
    """

    def __init__(self, classes: Sequence[str], width: int = 64, n_down: int = 2, blocks: int = BLOCKS) -> None:
        super().__init__(width, n_down, blocks)
        self.classes = "_".join(classes).replace(".", "_")
        head = reflected(width, len(classes), 7, padding=3)
        self.segmenter = ByModality([self.classes], lambda: ResnetDecoder(width, n_down, head=head))

    def translate_and_segment(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the translation (N, 1, H, W) in [-1, 1] and the logits (N, classes, H, W) of one image."""
        features = self.encoder(image)
        return self.decoder(features).tanh(), self.segmenter[self.classes](features)
