"""The loss of the brain network: cross-entropy and Dice."""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def losses(logits: Tensor, brain: Tensor, overlap: float) -> dict[str, Tensor]:
    """Return both terms, weighted.

    Args:
        logits: (N, 1, X, Y, Z).
        brain: (N, 1, X, Y, Z), share that is brain.
        overlap: weight of the Dice loss.
    """
    return {
        "mask": binary_cross_entropy_with_logits(logits, brain),
        "overlap": overlap * (1 - dice(logits.sigmoid(), brain)).mean(),
    }


def dice(found: Tensor, truth: Tensor) -> Tensor:
    """Return the Dice overlap of each soft mask, (N,); 1 where both are empty."""
    axes = (1, 2, 3, 4)
    shared, both = (found * truth).sum(axes), found.sum(axes) + truth.sum(axes)
    return (2 * shared + 1) / (both + 1)
