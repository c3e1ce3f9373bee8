"""The heads in whose space a contrastive loss compares features (CUT, Park et al., ECCV 2020, arXiv 2007.15651)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from hifisyn.networks.module import Layers, TensorModule

GAIN = 0.02
TINY = 1e-7


class NCEHeads(TensorModule):
    """For each layer of features a linear, ReLU, linear, then the L2 norm; Xavier weights of gain 0.02, biases 0.

    Args:
        channels: of each layer.
        width: entries of what is compared.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Layers(nn.Linear(c, width), nn.ReLU(), nn.Linear(width, width)) for c in channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight, gain=GAIN)
                nn.init.zeros_(module.bias)

    def forward(self, samples: Tensor, layer: int) -> Tensor:
        """Return unit vectors (N, K, width), in float32, of features (N, K, C) of a layer."""
        with torch.autocast(samples.device.type, enabled=False):
            return normalize(self.heads[layer](samples.float()), dim=2, eps=TINY)
