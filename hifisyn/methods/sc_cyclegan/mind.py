"""MIND, the modality independent neighbourhood descriptor in two dimensions, and the loss that compares it.

Heinrich et al., Medical Image Analysis 2012; with the sizes that Yang et al. (arXiv 1809.04536) published. A pixel is
described by how unlike its patch is to each of 80 patches around it, relative to the local variance. What is bright
hardly matters; where borders run does.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from hifisyn.networks.precision import wide

PATCH_RADIUS, SEARCH_RADIUS = 3, 4
MARGIN = PATCH_RADIUS + SEARCH_RADIUS  # pixels on each side that have no descriptor
SIGMA, EPSILON = 2.0, 1e-5

_REACH = range(-SEARCH_RADIUS, SEARCH_RADIUS + 1)
OFFSETS = [(row, column) for row in _REACH for column in _REACH if (row, column) != (0, 0)]
_NEAREST = [OFFSETS.index(offset) for offset in ((-1, 0), (1, 0), (0, -1), (0, 1))]


def structure_loss(image: Tensor, translation: Tensor, brain: Tensor | None = None, epsilon: float = EPSILON) -> Tensor:
    """Return the mean absolute difference of both descriptors over pixels, offsets and images; 0-dimensional.

    Args:
        image: (N, 1, H, W), which gets no gradient.
        translation: (N, 1, H, W), the image translated.
        brain: (N, 1, H, W) bool: only descriptors that see a pixel of it count, and an image without any adds 0.
        epsilon: as `mind`.
    """
    with torch.no_grad():
        target = mind(image, epsilon)
    difference = (mind(translation, epsilon) - target).abs().mean(dim=1)
    if brain is None:
        return difference.mean()
    near = max_pool2d(brain.to(difference.dtype), 2 * MARGIN + 1, stride=1)[:, 0]
    return ((difference * near).sum(dim=(1, 2)) / near.sum(dim=(1, 2)).clamp_min(1)).mean()


def mind(image: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Return the descriptors (N, 80, H - 14, W - 14) in (0, 1] of images (N, 1, H, W), in float32 at least.

    At each pixel the largest of the 80 is 1.

    Args:
        image: sides of 15 pixels at least.
        epsilon: least local variance, in squares of the image's unit; below float16's reach.
    """
    with torch.autocast(image.device.type, enabled=False):
        distance = _patch_distances(wide(image))
        variance = distance[:, _NEAREST].mean(dim=1, keepdim=True) + epsilon
        ratio = distance / variance
        # Subtracting the least exponent is the division by the largest descriptor, and never 0 / 0.
        return (ratio.amin(dim=1, keepdim=True) - ratio).exp()


def _patch_distances(image: Tensor) -> Tensor:
    """Return D(x, alpha), (N, 80, H - 14, W - 14): weighted squared differences of two patches 7x7, of (N, 1, H, W)."""
    height, width = (length - 2 * SEARCH_RADIUS for length in image.shape[-2:])
    shifted = torch.cat(
        [image[..., SEARCH_RADIUS + row :, SEARCH_RADIUS + column :][..., :height, :width] for row, column in OFFSETS],
        dim=1,
    )
    middle = image[..., SEARCH_RADIUS : SEARCH_RADIUS + height, SEARCH_RADIUS : SEARCH_RADIUS + width]
    kernel = patch_weights(image).expand(len(OFFSETS), 1, -1, -1)
    return conv2d((shifted - middle).square(), kernel, groups=len(OFFSETS))


def patch_weights(like: Tensor) -> Tensor:
    """Return K, the (7, 7) Gaussian weights of a patch, which sum to 0.851975, since the tails are cut."""
    steps = torch.arange(-PATCH_RADIUS, PATCH_RADIUS + 1, dtype=like.dtype, device=like.device)
    gaussian = (-steps.square() / (2 * SIGMA**2)).exp()
    return torch.outer(gaussian, gaussian) / (2 * torch.pi * SIGMA**2)
