"""MGUIT's feature contrastive loss: a pixel is to be near the memory item that it chose (arXiv 2104.05170).

Differs from the paper: the published code takes a loss for log-probabilities of probabilities, and over pixels. It is
about 1 whatever the features are, with almost no gradient. `item_contrast` is what the paper means; `code_contrast` is
what the code computes.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def item_contrast(similarity: Tensor, chosen: Tensor, tau: float) -> Tensor:
    """Return the mean over pixels of -log softmax over the items of similarity / tau, at the chosen item.

    Args:
        similarity: (M, T), cosines; minus infinity where an item does not count.
        chosen: (M,) int64, an item that counts.
        tau: temperature.
    """
    return cross_entropy(similarity / tau, chosen)


def code_contrast(similarity: Tensor) -> Tensor:
    """Return exp(-mean over pixels of P), P the softmax over pixels of the similarity, at the pixel's nearest item.

    Args:
        similarity: (M, T), dot products of the pixels and items of one class.
    """
    best = similarity.argmax(dim=1, keepdim=True)
    return torch.exp(-similarity.softmax(dim=0).gather(1, best).mean())
