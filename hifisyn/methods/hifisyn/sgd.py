"""L_SGD, structure granularity discrimination (HiFi-Syn eq. 8 to 11).

Differs from the paper:
- Eq. 8 keeps a masked map of full size ("map"); maps of different structures of an image then share no pixel, and their
  cosine is 0 by construction. A structure's region vector is the mean of content over its pixels.
- d of eq. 9 is a sum ("sum"), by which the largest structure almost always ranks first; here it is a mean over pixels
  and channels.
- Eq. 10 leaves open where ranks begin. Rank 0 is the largest d, so w = 1, 0.61, 0.37, 0.22, ...
- Eq. 11 has w inside the exponent of the numerator alone. Its minimum is at p+ = w, so pairs of small w are pushed
  apart. Here w multiplies the logarithm; `weight_inside` is the printed form.
"""

from typing import Literal

import torch
from torch import Tensor

from hifisyn.losses.contents import Contents, information_nce, unit

MIN_PIXELS = 4
ALPHA_S = 0.5

Region = Literal["mean", "map"]
Difference = Literal["mean", "sum"]


def structure_loss(
    contents: Contents,
    structures: Tensor,
    tau_2: float = 0.2,
    *,
    region: Region = "mean",
    difference: Difference = "mean",
    alpha_s: float = ALPHA_S,
    same_structure: str = "push",
    weight_inside: bool = False,
) -> Tensor:
    """Return L_SGD of each image, (M,): mean over its structures, and over both roles; 0 for an image without any.

    Args:
        contents: the M images of the step.
        structures: (L,) int64, the label values that count.
        tau_2: temperature.
        region: see `region_vectors`.
        difference: see `structure_difference`.
        alpha_s: see `rank_weight`.
        same_structure: "push": the same structure of other people is a negative, as printed; "ignore": it is not.
        weight_inside: the rank weight inside the exponent, as eq. 11 is printed.
    """
    with torch.autocast(structures.device.type, enabled=False):
        contents = contents.in_float32()
        masks = (contents.labels[:, None, :] == structures[None, :, None]).to(contents.original.dtype)  # (M, L, P)
        valid = masks.sum(dim=2) >= MIN_PIXELS  # (M, L)
        weight = rank_weight(structure_difference(contents, masks, difference), valid, alpha_s)
        original, translated = (region_vectors(c, masks, region) for c in (contents.original, contents.translated))
        counted = _negatives(contents.others(), valid, same_structure == "push")
        losses = [
            _one_role(a, b, weight, counted, tau_2, weight_inside)
            for a, b in ((original, translated), (translated, original))
        ]
        return ((losses[0] + losses[1]) / 2 * valid).sum(dim=1) / valid.sum(dim=1).clamp_min(1)


def region_vectors(content: Tensor, masks: Tensor, region: Region = "mean") -> Tensor:
    """Return r_s of each structure as unit vectors (eq. 8).

    Args:
        content: (M, C, P).
        masks: (M, L, P) of 0 and 1.
        region: "mean": the mean of content over the pixels; "map": content, 0 outside of the structure, flattened.

    Returns:
        (M, L, C) or (M, L, C * P).
    """
    if region == "map":
        return unit((masks[:, :, None, :] * content[:, None]).flatten(2), 2)
    return unit(torch.bmm(masks, content.transpose(1, 2)), 2)


@torch.no_grad()
def structure_difference(contents: Contents, masks: Tensor, difference: Difference = "mean") -> Tensor:
    """Return d_s, (M, L), the mean absolute difference of original and translated content in a structure (eq. 9).

    The form "sum" adds over pixels and channels.
    """
    each = (contents.original - contents.translated).abs()
    total = torch.bmm(masks, each.sum(dim=1)[:, :, None]).squeeze(2)
    return total if difference == "sum" else total / (each.shape[1] * masks.sum(dim=2).clamp_min(1))


@torch.no_grad()
def rank_weight(difference: Tensor, valid: Tensor, alpha_s: float = ALPHA_S) -> Tensor:
    """Return w_s = exp(-alpha_s rank), (M, L), the rank among an image's valid structures, largest d first (eq. 10)."""
    order = difference.masked_fill(~valid, -torch.inf).argsort(dim=1, descending=True)
    rank = order.argsort(dim=1)
    return torch.exp(-alpha_s * rank)


def _negatives(others: Tensor, valid: Tensor, push_same: bool) -> Tensor:
    """(M, L, 2, M, L): whether the region (role, image, structure) on the right is a negative of that on the left."""
    images, count = valid.shape
    same_image = torch.eye(images, dtype=torch.bool, device=valid.device)
    different = ~torch.eye(count, dtype=torch.bool, device=valid.device)
    within = same_image[:, None, :, None] & different[None, :, None, :]
    across = others[:, None, :, None] & (different[None, :, None, :] | push_same)
    counted = (within | across) & valid[None, None]
    return counted[:, :, None].expand(-1, -1, 2, -1, -1)


def _one_role(
    anchor: Tensor, counterpart: Tensor, weight: Tensor, counted: Tensor, tau: float, weight_inside: bool
) -> Tensor:
    """Eq. 11 for every region (M, L) of `anchor`, whose positive is the same region of `counterpart`."""
    positive = (anchor * counterpart).sum(dim=2) / tau
    everything = torch.stack([anchor, counterpart])  # (2, M, L, C)
    logits = torch.einsum("mlc,rnkc->mlrnk", anchor, everything) / tau
    if weight_inside:
        return information_nce(positive, logits.flatten(2), counted.flatten(2), pull=weight * positive)
    return weight * information_nce(positive, logits.flatten(2), counted.flatten(2))
