"""Losses of a segmentation: soft Dice over structures (Milletari et al., 3DV 2016), and cross-entropy, in float32."""

from collections.abc import Sequence

import torch
from torch import Tensor

SMOOTH = 1.0
CERTAIN = 0.5


def members(labels: Tensor, values: Sequence[int]) -> Tensor:
    """Return which pixels are of which class: (N, H, W) int64 label values to (N, K, H, W) bool.

    Args:
        labels: of any value; a pixel of a value that is no class's belongs to none.
        values: label value of each of the K classes.
    """
    return torch.stack([labels == value for value in values], dim=1)


def soft_dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Return 1 - Dice, the mean over structures, 0-dimensional; each Dice is over all pixels of the batch.

    A structure counts where it is in the truth or some pixel is held for it with a probability above one half;
    without any, the loss is 0.

    Args:
        logits: (N, K, H, W), the background first.
        truth: (N, K, H, W) bool.
    """
    with torch.autocast(logits.device.type, enabled=False):
        probability, true = (x[:, 1:].transpose(0, 1).flatten(1) for x in (logits.float().softmax(dim=1), truth))
        both, either = (probability * true).sum(dim=1), probability.sum(dim=1) + true.sum(dim=1)
        dice = (2 * both + SMOOTH) / (either + SMOOTH)
        counted = true.any(dim=1) | (probability > CERTAIN).any(dim=1)
        return ((1 - dice) * counted).sum() / counted.sum().clamp_min(1)


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over pixels, background included, 0-dimensional; arguments as `soft_dice`."""
    with torch.autocast(logits.device.type, enabled=False):
        return -(logits.float().log_softmax(dim=1) * truth).sum(dim=1).mean()
