"""Images whose tissues have other means: one rising line of pieces through the means, each image its own.

The order of brightness stays: what is brighter is never darker after it, so a simulated pair stays a pair of one head.
The lesion is no point of the line: how bright it is against the tissue around it is what the pair has to teach. Where
it was one, tumours that are as bright as grey matter in T1 lost their contrast, and FLAIR became worse in the lesions.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from hifisyn.intensities import OUTSIDE

FEWEST_PIXELS = 20
LEAST_STEP = 0.01


def with_tissue_means(images: Tensor, labels: Tensor, values: Sequence[int], wanted: Tensor, known: Tensor) -> Tensor:
    """Return images whose healthy tissues have the wanted means, as far as the order of brightness allows.

    Args:
        images: (N, C, H, W) in [-1, 1], -1 outside the brain, which stays; channel C // 2 is the one that is labelled.
        labels: (N, H, W).
        values: of the tissues in the labels.
        wanted: (N, tissues).
        known: (tissues,), 0 where a mean is not wanted.
    """
    middle = images[:, images.shape[1] // 2]
    moved = []
    for image, slice_, label, goals in zip(images, middle, labels, wanted, strict=True):
        points = {
            float(slice_[label == value].mean()): float(goal)
            for value, goal, wish in zip(values, goals, known, strict=True)
            if wish and int((label == value).sum()) >= FEWEST_PIXELS
        }
        moved.append(_along(image, points))
    return torch.where(images > OUTSIDE, torch.stack(moved), images)


def _along(image: Tensor, points: Mapping[float, float]) -> Tensor:
    """Return an image moved along the line through (-1, -1), points and (1, 1); what falls is levelled."""
    before = torch.tensor([-1.0, *sorted(points), 1.0], device=image.device)
    after = torch.tensor([-1.0, *(points[x] for x in sorted(points)), 1.0], device=image.device)
    rising = (after.cummax(0).values + after.flip(0).cummin(0).values.flip(0)) / 2
    place = torch.bucketize(image.clamp(-1, 1), before[1:-1].contiguous())
    x, y = before[place], rising[place]
    slope = (rising[place + 1] - y) / (before[place + 1] - x).clamp(min=LEAST_STEP)
    return (y + (image - x) * slope).clamp(-1, 1)
