"""Several translators of one direction as one: the mean of their images, and what they and their spread say of errors.

Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", NeurIPS 2017,
with a Laplace distribution in the place of a normal one.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """(N, C, H, W) to (N, 1, H, W), or to (N, 2, H, W) where the members tell their expected error.

    Args:
        members: translators of one direction, see `hifisyn.training.contract.Trainer.translator`; one or more.
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        if not len(self.members):
            raise ValueError("one member or more is wanted, got none")

    def forward(self, image: Tensor) -> Tensor:
        """Return what the members make together."""
        return mixed(torch.stack([member(image) for member in self.members]))


def mixed(made: Tensor) -> Tensor:
    """Return the mean of M answers (M, N, 1 or 2, H, W), as (N, 1 or 2, H, W).

    The second channel is the logarithm of the scale b_i of a Laplace distribution, whose variance is 2 b_i^2. The
    variance v of the mixture is the mean of these plus the variance of the images; its scale is sqrt(v / 2). Equal
    answers are returned to the bit in the first channel, a single one in both.
    """
    if len(made) == 1:
        return made[0]
    first, images = made[0, :, :1], made[:, :, :1]
    # Of deviations from the first: the mean of equal numbers need not be that number.
    deviation = images - first
    mean = first + deviation.mean(dim=0)
    if made.shape[2] == 1:
        return mean
    spread = (deviation - deviation.mean(dim=0)).square().mean(dim=0)
    own = torch.logsumexp(2 * made[:, :, 1:], dim=0) - math.log(len(made))
    return torch.cat([mean, torch.logaddexp(own, (spread / 2).log()) / 2], dim=1)
