"""At which scale a step shows its batch: where pixels are fine, every other one with pixels of double the side.

A fine image is translated at both scales (`hifisyn.base.two_scales`), so the network has to know both.
"""

from dataclasses import replace

import torch

from hifisyn.base.two_scales import BLOCK, halved, is_fine
from hifisyn.training.batch import Batch


def at_drawn_scale(batch: Batch, pixel_mm: float, generator: torch.Generator) -> tuple[Batch, float]:
    """Return a batch as a step shows it, and the side of its pixels in mm; nothing is drawn where pixels are coarse.

    Args:
        batch: with even sides where pixels are fine.
        pixel_mm: side of its pixels.
        generator: on the batch's device.
    """
    image = next(iter(batch.images.values()))
    if not is_fine(pixel_mm, image.shape[-2:]):
        return batch, pixel_mm
    if float(torch.rand((), generator=generator, device=generator.device)) < 1 / 2:
        return batch, pixel_mm
    return halved_batch(batch), BLOCK * pixel_mm


def halved_batch(batch: Batch) -> Batch:
    """Return a batch with pixels of double the side; of a block, the label is that of its first pixel."""
    return replace(
        batch,
        images={m: halved(image) for m, image in batch.images.items()},
        labels={m: None if label is None else label[..., ::BLOCK, ::BLOCK] for m, label in batch.labels.items()},
        clean={m: halved(image) for m, image in batch.clean.items()},
    )
