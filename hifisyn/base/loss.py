"""The loss of the base model: L1 and a Laplace likelihood whose scale is learnt, in the brain."""

from torch import Tensor

from hifisyn.networks.precision import wide


def losses(output: Tensor, targets: Tensor, brain: Tensor, weights: Tensor, likelihood: float) -> dict[str, Tensor]:
    """Return both terms, weighted: (1 - likelihood) |y - m| and likelihood (|y - m| / b + log b).

    Each is the mean over the brain's pixels of all targets, each target with its weight. The likelihood is that of
    Laplace's distribution of mean m and scale b but for log 2.

    Args:
        output: (N, 2 T, H, W), of the network: m, then log b.
        targets: (N, T, H, W) y.
        brain: (N, 1, H, W), 1 in the brain, else 0.
        weights: (N, T), not all 0.
        likelihood: share of the likelihood, 0 to 1.
    """
    images, scales = wide(output).chunk(2, dim=1)
    share = brain * weights[:, :, None, None]
    share = share / share.sum().clamp(min=1e-6)
    error = (targets - images).abs()
    laplace = error * (-scales).exp() + scales
    return {"l1": (1 - likelihood) * (share * error).sum(), "laplace": likelihood * (share * laplace).sum()}
