"""What is learnt where the truth is known: contrasts of one slice of a simulated head. Not of the paper."""

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor

from hifisyn.networks.precision import wide

OUTSIDE_SHARE = 0.1  # weight of a pixel outside the brain


def brain_l1(made: Tensor, truth: Tensor, brain: Tensor) -> Tensor:
    """Return the mean absolute error, pixels outside the brain with a tenth of the weight.

    Args:
        made: (N, 1, H, W).
        truth: (N, 1, H, W).
        brain: (N, 1, H, W) bool.
    """
    weight = torch.where(brain, 1.0, OUTSIDE_SHARE)
    return (weight * (wide(made) - truth).abs()).sum() / weight.sum()


def content_distance(contents: Mapping[str, Tensor]) -> Tensor:
    """Return the mean absolute difference between the contents (N, C, h, w) of contrasts of the same slices."""
    pairs = combinations(contents.values(), 2)
    return torch.stack([(wide(one) - other).abs().mean() for one, other in pairs]).mean()
