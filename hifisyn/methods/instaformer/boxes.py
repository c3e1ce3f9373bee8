"""The boxes of a batch of label maps, as InstaFormer's networks take them."""

import torch
from torch import Tensor

from hifisyn.methods.instaformer.roi import Boxes
from hifisyn.methods.structure_boxes import least_pixels, structure_boxes
from hifisyn.networks.padding import padded


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
    per_image = [structure_boxes(image, least)[:most, 1:] for image in padded(labels, side, 0).cpu()]
    count = max(len(boxes) for boxes in per_image)
    if count == 0:
        return None
    corners = torch.zeros(len(per_image), count, 4)
    there = torch.zeros(len(per_image), count, dtype=torch.bool)
    for number, boxes in enumerate(per_image):
        corners[number, : len(boxes)] = boxes / side
        there[number, : len(boxes)] = True
    return Boxes(corners.to(labels.device), there.to(labels.device))
