"""The boxes of a batch of label maps, as InstaFormer's networks take them."""

import torch
from torch import Tensor

from hifisyn.methods.boxes import LEAST_PIXELS, structure_boxes
from hifisyn.networks.padding import padded
from hifisyn.networks.roi import Boxes

AT_SIDE, LEAST = 256, 4


def least_pixels(side: int) -> int:
    """Return the pixels that a component must have: 16 in an image of 256, in proportion to its area, 4 at least.

    >>> [least_pixels(side) for side in (256, 216, 96, 16)]
    [16, 11, 4, 4]
    """
    return max(LEAST, round(LEAST_PIXELS * (side / AT_SIDE) ** 2))


def boxes_of(labels: Tensor | None, side: int, most: int) -> Boxes | None:
    """Return the boxes around the largest structures of each image, none if no image has any.

    Args:
        labels: (N, H, H) int64, or none where there are none.
        side: to which the images are padded.
        most: boxes an image.
    """
    if labels is None or most == 0:
        return None
    least = least_pixels(labels.shape[-1])
    found = [structure_boxes(image, least)[:most, 1:] for image in padded(labels, side, 0).cpu()]
    count = max(len(boxes) for boxes in found)
    if count == 0:
        return None
    corners = torch.zeros(len(found), count, 4)
    there = torch.zeros(len(found), count, dtype=torch.bool)
    for number, boxes in enumerate(found):
        corners[number, : len(boxes)] = boxes / side
        there[number, : len(boxes)] = True
    return Boxes(corners.to(labels.device), there.to(labels.device))
