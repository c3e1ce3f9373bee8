"""How much a displacement field changes from pixel to pixel (RegGAN, arXiv 2110.06465, L_smooth)."""

from torch import Tensor


def smoothness(field: Tensor) -> Tensor:
    """Return the mean squared difference of lower neighbours plus that of right neighbours; 0 for a constant field.

    Args:
        field: (N, 2, H, W) in pixels; means run over both channels.
    """
    return field.diff(dim=-2).square().mean() + field.diff(dim=-1).square().mean()
