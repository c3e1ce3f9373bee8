"""Boxes around structures, for the methods that were published with boxes around objects."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

LEAST_PIXELS, AT_SIDE, LEAST = 16, 256, 4


def least_pixels(side: int) -> int:
    """Return the pixels that a component must have: 16 in an image of 256, in proportion to its area, 4 at least.

    >>> [least_pixels(side) for side in (256, 216, 96, 16)]
    [16, 11, 4, 4]
    """
    return max(LEAST, round(LEAST_PIXELS * (side / AT_SIDE) ** 2))


def structure_boxes(labels: Tensor, least: int) -> Tensor:
    """Return a box around every connected component of every structure, the largest component first.

    Args:
        labels: (H, W) int64 of one image; 0 and negative values are no structure.
        least: pixels that a component must have, see `least_pixels`.

    Returns:
        (B, 5) int64 on the CPU: label, top, left, bottom, right; the last two are one past the box.
    """
    image = labels.detach().cpu().numpy()
    boxes: list[tuple[int, ...]] = []
    for value in (int(v) for v in np.unique(image) if v > 0):
        components, _ = ndimage.label(image == value)
        sizes = np.bincount(components.ravel())
        for number, (rows, columns) in enumerate(ndimage.find_objects(components), 1):
            if sizes[number] >= least:
                boxes.append((sizes[number], value, rows.start, columns.start, rows.stop, columns.stop))
    boxes.sort(key=lambda box: (-box[0], box[1:]))
    return torch.tensor([box[1:] for box in boxes], dtype=torch.int64).view(-1, 5)
