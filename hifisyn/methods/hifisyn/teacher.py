"""The base model as a teacher: its translation of the same real slice, which counts most at first. Not of the paper."""

import torch
from torch import Tensor

from hifisyn.base.cohort_look import Means, takes
from hifisyn.base.translate import BaseModel
from hifisyn.directions import Direction

FALLS_FOR, LEAST = 0.6, 0.2


def share(iteration: int, total: int) -> float:
    """Return the share of the teacher's weight in a step: from 1 linearly to a fifth in three fifths of the run.

    >>> [round(share(step, 100), 2) for step in (0, 30, 60, 99)]
    [1.0, 0.6, 0.2, 0.2]
    """
    return max(LEAST, 1 - (1 - LEAST) * iteration / (FALLS_FOR * total))


def taught(model: BaseModel, images: Tensor, direction: Direction, pixel_mm: float, look: Means) -> Tensor | None:
    """Return what the base model makes of slices; none of a direction that it does not take.

    Args:
        model: runs on the CPU.
        images: (N, 1, H, W) in [-1, 1], each by itself.
        direction: from the contrast of the slices.
        pixel_mm: side of a pixel.
        look: of the target in the cohort.

    Returns:
        (N, 1, H, W) in [-1, 1] on the device of the images, without gradient.
    """
    if not takes(direction):
        return None
    source, target = direction
    told = {target: look} if any(mean is not None for mean in look) else None
    slices = images.detach()[:, 0].float().cpu().numpy()
    made, _ = model.translate({source: slices}, pixel_mm, told, neighbours=False)[target]
    return torch.from_numpy(made)[:, None].to(images)
