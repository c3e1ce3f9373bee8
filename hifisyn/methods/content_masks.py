"""What is known of a batch beside its images, brought to the resolution of content."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hifisyn.intensities import OUTSIDE
from hifisyn.losses.contents import UNKNOWN
from hifisyn.training.batch import Batch


@dataclass(frozen=True)
class ContentMasks:
    """Labels and foreground at the resolution of content: P pixels an image.

    Attributes:
        labels: (N, P) int64, UNKNOWN where there are none.
        read_labels: those that the read may see; UNKNOWN throughout in a step that reads as in testing.
        foreground: (N, P) bool.
    """

    labels: dict[str, Tensor]
    read_labels: dict[str, Tensor]
    foreground: dict[str, Tensor]


def content_masks(batch: Batch, stride: int, unlabelled: Tensor | None = None) -> ContentMasks:
    """Bring labels and foreground to the resolution of content.

    Two 3x3 convolutions of stride 2 and padding 1 centre content row y on image row 4y, so pixels are taken without
    offset.

    Args:
        batch: images and labels.
        stride: image pixels a content pixel.
        unlabelled: () bool, whether the step reads as in testing; none: it does not.
    """
    labels, read_labels, foreground = {}, {}, {}
    for m, image in batch.images.items():
        foreground[m] = image[:, 0, ::stride, ::stride].flatten(1) > OUTSIDE
        given = batch.labels[m]
        if given is None:
            labels[m] = torch.full_like(foreground[m], UNKNOWN, dtype=torch.int64)
        else:
            labels[m] = given[:, ::stride, ::stride].flatten(1)
        read_labels[m] = labels[m] if unlabelled is None else labels[m].masked_fill(unlabelled, UNKNOWN)
    return ContentMasks(labels, read_labels, foreground)
