"""The mean attribute code of each contrast, which prediction takes in place of an exemplar's."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import TensorModule


class RunningCode(TensorModule):
    """Exponential mean of z^a over the training images of each contrast; buffers only.

    Args:
        domains: names of the contrasts.
        code: entries of z^a.
        decay: share of the mean that a step keeps; less in the first steps, so that the start is forgotten.
    """

    def __init__(self, domains: Sequence[str], code: int = 8, decay: float = 0.999) -> None:
        super().__init__()
        self.codes = ByModality(domains, lambda: _MeanCode(code, decay))

    def forward(self, modality: str) -> Tensor:
        """Return the mean code (code,) of a contrast."""
        return self.codes[modality].mean

    @torch.no_grad()
    def update(self, codes: Mapping[str, Tensor]) -> None:
        """Move the means of the given contrasts towards the codes (N, code) of their images."""
        for modality, new in codes.items():
            self.codes[modality].follow(new.float().mean(dim=0))


class _MeanCode(nn.Module):
    mean: Tensor
    steps: Tensor

    def __init__(self, code: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(code))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def follow(self, new: Tensor) -> None:
        """Move the mean towards a code (code,)."""
        kept = torch.clamp(self.steps / (self.steps + 1), max=self.decay)
        self.mean.lerp_(new, 1 - kept)
        self.steps += 1
