"""G, the generators of all contrasts: content and attributes to image (DRIT's concat generator, widened)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from hifisyn.networks.blocks import INRes, UpLN, Upsampling
from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import Layers, TensorModule
from hifisyn.networks.precision import in_single


class Generator(TensorModule):
    """Content z^c, retrieved attributes S and global code g to an image.

    m = [S ; g], the code broadcast over the map, is concatenated to the features at four places, where DRIT
    concatenates its code and MGUIT its styles: this is our reading of the paper's "channel-wise combining".
    The first block is shared by the contrasts.

    Args:
        domains: names of the contrasts.
        width: channels of the encoder's first convolution; content has `width * 2**n_down`.
        n_down: doublings from content to image.
        blocks: residual blocks of each contrast.
        code: entries of g.
        value_width: V, channels of S; 0: no memory bank, m = g, which is DRIT's generator.
        upsampling: how sides are doubled, see `UpLN`.
    """

    def __init__(
        self,
        domains: Sequence[str],
        width: int = 64,
        n_down: int = 2,
        blocks: int = 3,
        code: int = 8,
        value_width: int = 128,
        upsampling: Upsampling = "3x3",
    ) -> None:
        super().__init__()
        content = width * 2**n_down
        self.shared = INRes(content)
        self.branches = ByModality(domains, lambda: _Branch(content, value_width + code, n_down, blocks, upsampling))

    def forward(self, content: Tensor, retrieved: Tensor | None, code: Tensor, modality: str) -> Tensor:
        """Render (N, C, h, w), S (N, V, h, w) and g (N, code) as an image (N, 1, H, W) in (-1, 1) of `modality`."""
        return self.render(self.shared(content), retrieved, code, modality)

    def render(self, trunk: Tensor, retrieved: Tensor | None, code: Tensor, modality: str) -> Tensor:
        """Do the same from the shared block's output, which all contrasts may use."""
        g = code[:, :, None, None].expand(-1, -1, *trunk.shape[2:])
        m = g if retrieved is None else torch.cat([retrieved, g], dim=1)
        return self.branches[modality](trunk, m.to(trunk.dtype))


class _Branch(TensorModule):
    def __init__(self, content: int, attributes: int, n_down: int, blocks: int, upsampling: Upsampling) -> None:
        super().__init__()
        channels = content + attributes
        self.residual = Layers(*(INRes(channels) for _ in range(blocks)))
        ups = []
        for _ in range(n_down):
            ups.append(UpLN(channels + attributes, (channels + attributes) // 2, upsampling))
            channels = (channels + attributes) // 2
        self.ups = nn.ModuleList(ups)
        self.last = nn.Conv2d(channels + attributes, 1, 1)

    def forward(self, trunk: Tensor, m: Tensor) -> Tensor:
        x = self.residual(torch.cat([trunk, m], dim=1))
        for up in self.ups:
            x = up(torch.cat([x, m], dim=1))
            m = interpolate(m, scale_factor=2, mode="nearest")
        return in_single(self.last, torch.cat([x, m], dim=1)).tanh()
