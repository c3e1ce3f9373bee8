"""The mean attribute code of each modality, which prediction takes in place of an exemplar's."""

import torch
from torch import Tensor, nn


class RunningCode(nn.Module):
    """Exponential mean of z^a over the training images of each modality; buffers only.

    Args:
        modalities: names of the two.
        code: entries of z^a.
        decay: share of the mean that a step keeps; less in the first steps, so that the start is forgotten.
    """

    mean: Tensor
    steps: Tensor

    def __init__(self, modalities: tuple[str, str], code: int = 8, decay: float = 0.999) -> None:
        super().__init__()
        self.modalities, self.decay = modalities, decay
        self.register_buffer("mean", torch.zeros(len(modalities), code))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, modality: str) -> Tensor:
        """Return the mean code (code,) of a modality."""
        return self.mean[self.modalities.index(modality)]

    @torch.no_grad()
    def update(self, codes: dict[str, Tensor]) -> None:
        """Move the means towards the codes (N, code) of each modality's images."""
        new = torch.stack([codes[m].float().mean(dim=0) for m in self.modalities])
        kept = torch.clamp(self.steps / (self.steps + 1), max=self.decay)
        self.mean.lerp_(new, 1 - kept)
        self.steps += 1
