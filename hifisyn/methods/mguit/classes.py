"""Which classes MGUIT's memory has, and which class each content pixel is of."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hifisyn.methods.memory_slots import MemorySlots
from hifisyn.methods.mguit.class_memory import ClassMemory
from hifisyn.methods.mguit.settings import Masks
from hifisyn.methods.structure_boxes import least_pixels, structure_boxes

BACKGROUND = 0
EACH_HALF = 10  # items of the background, and of all other classes together, where the plan has no slots


def items_of(memory: MemorySlots, labels: Mapping[str, int]) -> dict[int, int]:
    """Return the items of each class, by label value; classes without items count as background.

    A class has the slots of its label in the plan. The background has the global slots beside its own, and so more
    than half of all: published is half. A plan without any slot gets 10 for the background, 10 for all others.

    Args:
        memory: the slots of the plan.
        labels: label values by name.
    """
    items = memory.by_value(labels)
    items[BACKGROUND] = items.get(BACKGROUND, 0) + memory.global_slots
    if not any(items.values()):
        others = sorted(value for value in labels.values() if value != BACKGROUND)
        share, rest = divmod(EACH_HALF, max(1, len(others)))
        items = {BACKGROUND: EACH_HALF} | {v: share + (k < rest) for k, v in enumerate(others)}
    items[BACKGROUND] = max(1, items[BACKGROUND])
    return {value: count for value, count in sorted(items.items()) if count}


def pixel_classes(labels: Tensor | None, image: Tensor, stride: int, masks: Masks, memory: ClassMemory) -> Tensor:
    """Return the class of each content pixel, (N, P) int64; that of images without labels is background.

    Args:
        labels: (N, H, W) int64, or none.
        image: (N, 1, H, W).
        stride: image pixels a content pixel; pixels are taken without offset, see `hifisyn.methods.content_masks`.
        masks: "boxes" fills the box around each structure, "labels" takes the structures themselves.
        memory: which knows the classes that have items.
    """
    if labels is None:
        return torch.full_like(image[:, 0, ::stride, ::stride], BACKGROUND, dtype=torch.int64).flatten(1)
    classes = memory.served(labels)
    if masks == "boxes":
        classes = torch.stack([filled_boxes(each) for each in classes])
    return classes[:, ::stride, ::stride].flatten(1)


def filled_boxes(labels: Tensor) -> Tensor:
    """Return (H, W) with every structure's boxes filled: those of large components first, later ones over them."""
    canvas = torch.full_like(labels, BACKGROUND)
    for label, top, left, bottom, right in structure_boxes(labels, least_pixels(labels.shape[-1])).tolist():
        canvas[top:bottom, left:right] = label
    return canvas
