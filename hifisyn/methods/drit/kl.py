"""How far a code's distribution is from the standard normal one (Kingma & Welling, ICLR 2014, arXiv 1312.6114)."""

import torch
from torch import Tensor

from hifisyn.networks.precision import wide


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return -1/2 * sum of (1 + log_variance - mean**2 - exp(log_variance)): summed over entries, mean over images.

    Args:
        mean: (N, code).
        log_variance: (N, code).
    """
    with torch.autocast(mean.device.type, enabled=False):
        mu, log_var = wide(mean), wide(log_variance)
        return -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(dim=1).mean()
