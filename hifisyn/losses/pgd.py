"""L_PGD, pixel granularity discrimination (HiFi-Syn eq. 7).

Differs from the paper:
- Eq. 7 sums over all N pixels and all pairs of them. Anchor pixels are sampled, and means taken.
- Its positive set Omega+ may hold several pixels, though the text says the same position; that one is the positive.
- About half of all pixels are the same background, so most negatives would be false ones. Where labels are known,
  pixels of the anchor's label are left out of the denominator (the paper's Table 6 too feeds labels to this loss).
- The print pushes away other subjects' images and nothing else ("others"). Here other pixels of the own translation are
  negatives too, since they make the loss one of place, and 256 pixels of other subjects are drawn an image.
"""

from typing import Literal

import torch
from torch import Tensor

from hifisyn.losses.contents import UNKNOWN, Contents, unit

FOREGROUND_SHARE = 0.9
OTHER_PIXELS = 256

Negatives = Literal["both", "others"]


def draw_anchors(foreground: Tensor, anchors: int, generator: torch.Generator) -> Tensor:
    """Draw anchor positions without replacement, nine of ten in the foreground while there is some.

    The order is random, so that a prefix is a sample too.

    Args:
        foreground: (M, P) bool.
        anchors: K, positions an image; P at most.
        generator: source of the choice.

    Returns:
        (M, K) int64 positions.
    """
    inside = foreground.sum(dim=1, keepdim=True).clamp_min(1)
    outside = (~foreground).sum(dim=1, keepdim=True).clamp_min(1)
    weight = torch.where(foreground, FOREGROUND_SHARE / inside, (1 - FOREGROUND_SHARE) / outside)
    # Efraimidis and Spirakis 2006: the largest log(u) / weight are a weighted sample without replacement.
    uniform = torch.rand(foreground.shape, generator=generator, device=generator.device).to(foreground.device)
    order = uniform.clamp_min(1e-30).log() / weight
    return order.topk(min(anchors, foreground.shape[1]), dim=1).indices


def pixel_loss(
    contents: Contents,
    anchors: Tensor,
    tau_1: float = 0.07,
    use_labels: bool = True,
    *,
    negatives: Negatives = "both",
    other_pixels: int = OTHER_PIXELS,
) -> Tensor:
    """Return L_PGD of each image, (M,): mean over anchors and over both roles of original and translation.

    Args:
        contents: the M images of the step.
        anchors: (M, K) positions.
        tau_1: temperature.
        use_labels: leave pixels of the anchor's label out of the negatives.
        negatives: "both": other pixels of the own translation and other people's; "others": other people's alone.
        other_pixels: of all other images together that an image is held against, spread evenly over them.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        contents = contents.in_float32()
        labels = contents.labels if use_labels else torch.full_like(contents.labels, UNKNOWN)
        original, translated = unit(contents.original, 1), unit(contents.translated, 1)
        one = Contents(original, translated, labels, contents.subjects)
        losses = [_one_role(c, anchors, tau_1, negatives, other_pixels) for c in (one, one.swapped())]
        return (losses[0] + losses[1]) / 2


def _one_role(unit_contents: Contents, anchors: Tensor, tau: float, negatives: Negatives, other_pixels: int) -> Tensor:
    """Anchors in the originals, positives and negatives in the translations."""
    query = _at(unit_contents.original, anchors)  # (M, C, K)
    label = unit_contents.labels.gather(1, anchors)  # (M, K)
    key, key_label, eligible = _keys(unit_contents, anchors, negatives, other_pixels)
    logits = torch.bmm((query / tau).transpose(1, 2), key)  # (M, K, P + M * m)
    positive = logits.gather(2, anchors[:, :, None]).squeeze(2)
    same = (label[:, :, None] == key_label[:, None, :]) & (label != UNKNOWN)[:, :, None]
    counted = (eligible[:, None, :] & ~same).scatter_(2, anchors[:, :, None], True)
    return (logits.masked_fill(~counted, -torch.inf).logsumexp(dim=2) - positive).mean(dim=1)


def _keys(
    unit_contents: Contents, anchors: Tensor, negatives: Negatives, other_pixels: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what an image's anchors are held against: its translation, then m pixels of every translation.

    Returns:
        vectors (M, C, P + M * m), their labels, and which may be negatives, both (M, P + M * m).
    """
    images, _, own = unit_contents.translated.shape
    each = min(anchors.shape[1], other_pixels // max(1, images - 1))
    drawn = anchors[:, :each]
    pool = _at(unit_contents.translated, drawn).transpose(0, 1).flatten(1)  # (C, M * m)
    pool_label = unit_contents.labels.gather(1, drawn).flatten()
    others = unit_contents.others().repeat_interleave(each, dim=1)
    return (
        torch.cat([unit_contents.translated, pool.expand(images, -1, -1)], dim=2),
        torch.cat([unit_contents.labels, pool_label.expand(images, -1)], dim=1),
        torch.cat([others.new_full((images, own), negatives == "both"), others], dim=1),
    )


def _at(features: Tensor, positions: Tensor) -> Tensor:
    """(M, C, P), (M, K) to (M, C, K)."""
    return features.gather(2, positions[:, None, :].expand(-1, features.shape[1], -1))
