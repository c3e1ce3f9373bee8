"""Adaptive instance norm: the style of an image is the mean and deviation of its features (Huang et al., ICCV 2017)."""

from torch import Tensor
from torch.nn.functional import instance_norm


def adaptive_instance_norm(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Return features (N, C, ...) with the mean and deviation (N, C) that a style asks for, image by image."""
    shape = (*mean.shape, *(1 for _ in x.shape[2:]))
    return instance_norm(x) * deviation.view(shape) + mean.view(shape)
