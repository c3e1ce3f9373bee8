"""PatchNCE: a position of the translation is to be recognised among other positions of its source (CUT, ECCV 2020)."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def patch_nce(query: Tensor, key: Tensor, tau: float = 0.07) -> Tensor:
    """Return the mean cross-entropy of finding key k by query k among the keys of the same image.

    CUT sets the similarity of a query to its own key to -10 among the negatives and gives the positive a column of
    its own; at tau 0.07 that differs from leaving it in place by a factor of 1 + exp(-128) at most.

    Args:
        query: (N, K, C) unit vectors of the translation.
        key: (N, K, C) unit vectors of the source; no gradient flows into them.
        tau: temperature.
    """
    with torch.autocast(query.device.type, enabled=False):
        logits = torch.bmm(query.float(), key.detach().float().transpose(1, 2)) / tau
        own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])
        return cross_entropy(logits.flatten(0, 1), own.flatten())


def draw_positions(allowed: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw positions of each image without replacement, all alike among those allowed.

    Args:
        allowed: (N, P) bool; where an image has fewer than `count` of these, the others fill up.
        count: K; all P if there are no more.
        generator: source of the choice, on the device of `allowed`.

    Returns:
        (N, K) int64, in random order.
    """
    drawn = torch.rand(allowed.shape, generator=generator, device=allowed.device)
    return (drawn + allowed).topk(min(count, allowed.shape[1]), dim=1).indices


def at(features: Tensor, positions: Tensor) -> Tensor:
    """Return the features (N, K, C) of (N, C, H, W) at positions (N, K) of the flattened map."""
    flat = features.flatten(2)
    return flat.gather(2, positions[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)
