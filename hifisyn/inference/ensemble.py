"""Several translators of one direction as one: the mean of their images, and the error that they expect together.

Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017,
with Laplace instead of normal distributions.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """(N, C, H, W) to (N, 1, H, W), or to (N, 2, H, W) where the members return their expected error.

    Args:
        members: translators of one direction, see `hifisyn.training.contract.Trainer.translator`; one or more.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        if not len(self.members):
            raise ValueError("an ensemble must have one member or more")

    def forward(self, image: Tensor) -> Tensor:
        """Return the mixture of the members' answers."""
        return mixture(torch.stack([member(image) for member in self.members]))


def mixture(answers: Tensor) -> Tensor:
    """Return the mean of M answers (M, N, 1 or 2, H, W), as (N, 1 or 2, H, W).

    The second channel is the logarithm of the scale b_i of a Laplace distribution, whose variance is 2 b_i^2. The
    variance v of the mixture is the mean of these plus the variance of the images; its scale is sqrt(v / 2). Equal
    answers are returned to the bit in the first channel, a single one in both.
    """
    if len(answers) == 1:
        return answers[0]
    first, images = answers[0, :, :1], answers[:, :, :1]
    # Of deviations from the first: the mean of equal numbers need not be that number.
    deviation = images - first
    mean = first + deviation.mean(dim=0)
    if answers.shape[2] == 1:
        return mean
    spread = (deviation - deviation.mean(dim=0)).square().mean(dim=0)
    own = torch.logsumexp(2 * answers[:, :, 1:], dim=0) - math.log(len(answers))
    return torch.cat([mean, torch.logaddexp(own, (spread / 2).log()) / 2], dim=1)
