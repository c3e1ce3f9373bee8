"""MGUIT's contrastive losses between the pixels of one contrast and the items of the memory, as it was updated."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hifisyn.methods.mguit.class_memory import ClassMemory, Pixels
from hifisyn.methods.mguit.feature_contrast import code_contrast, item_contrast
from hifisyn.networks.precision import wide


def key_contrast(memory: ClassMemory, pixels: Pixels, contrast: str, tau: float) -> Tensor:
    """Return how far content is from the key that it chose, against all other keys; see `item_contrast`."""
    cosines = memory.cosines(pixels.content, contrast, None)
    with torch.autocast(cosines.device.type, enabled=False):
        return item_contrast(cosines, _chosen(memory, pixels, contrast), tau)


def value_contrast(memory: ClassMemory, pixels: Pixels, contrast: str, tau: float) -> Tensor:
    """Return how far styles are, by cosine, from the value of the item that content chose, against all others."""
    with torch.autocast(pixels.style.device.type, enabled=False):
        cosines = normalize(wide(pixels.style), dim=1) @ normalize(memory.table(contrast), dim=1).t()
        cosines = cosines.masked_fill(~memory.readable(contrast), -torch.inf)
        return item_contrast(cosines, _chosen(memory, pixels, contrast), tau)


def key_contrast_of_code(memory: ClassMemory, pixels: Pixels) -> Tensor:
    """Return the published code's: one term for each class that has pixels, and one for all keys together."""
    with torch.autocast(pixels.content.device.type, enabled=False):
        content = wide(pixels.content)
        each = [code_contrast(content[of] @ memory.keys[items].t()) for of, items in _classes(memory, pixels)]
        return torch.stack([*each, code_contrast(content @ memory.keys.t())]).sum()


def value_contrast_of_code(memory: ClassMemory, pixels: Pixels, contrast: str) -> Tensor:
    """Return the published code's: one term for each class that has pixels, of dot products with the values."""
    with torch.autocast(pixels.style.device.type, enabled=False):
        style, table = wide(pixels.style), memory.table(contrast)
        return torch.stack(
            [code_contrast(style[of] @ table[items].t()) for of, items in _classes(memory, pixels)]
        ).sum()


@torch.no_grad()
def _chosen(memory: ClassMemory, pixels: Pixels, contrast: str) -> Tensor:
    return memory.cosines(pixels.content, contrast, pixels.label).argmax(dim=1)


def _classes(memory: ClassMemory, pixels: Pixels) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield which pixels (M,) and which items (T,) are of a class, for each class that has pixels."""
    for value in torch.unique(pixels.label):
        yield pixels.label == value, memory.item_class == value
