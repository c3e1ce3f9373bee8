"""E^c, the content encoders of all contrasts (HiFi-Syn section 3.1; DRIT's, with the last block shared)."""

from collections.abc import Sequence

from torch import Tensor

from hifisyn.networks.blocks import INConv, INRes, LReLUConv
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers, TensorModule


class ContentEncoder(TensorModule):
    """Image to content z^c.

    Differs from the paper: DRIT adds N(0, 1) noise to its output in training; here the clean z^c is returned, and
    the method adds noise only on the way into G and D^c. On features of standard deviation about 2 the noise would
    spoil every cosine that the memory bank and the contrastive losses compute.

    Args:
        domains: names of the contrasts.
        width: channels of the first convolution, 64 as published.
        n_down: convolutions of stride 2; content is `2**n_down` times smaller than the image, 4 as published.
        blocks: residual blocks of each contrast; one more is shared.
    """

    def __init__(self, domains: Sequence[str], width: int = 64, n_down: int = 2, blocks: int = 3) -> None:
        super().__init__()
        self.branches = ByModality(domains, lambda: _branch(width, n_down, blocks))
        self.shared = INRes(width * 2**n_down)

    def forward(self, image: Tensor, modality: str) -> Tensor:
        """Encode (N, 1, H, W) in [-1, 1] to (N, width * 2**n_down, H / 2**n_down, W / 2**n_down)."""
        return self.shared(self.branches[modality](image))


def _branch(width: int, n_down: int, blocks: int) -> Layers:
    widths = [width * 2**k for k in range(n_down + 1)]
    return Layers(
        LReLUConv(1, width, 7, padding=3),
        *(INConv(c, 2 * c, 3, stride=2, padding=1) for c in widths[:-1]),
        *(INRes(widths[-1]) for _ in range(blocks)),
    )
