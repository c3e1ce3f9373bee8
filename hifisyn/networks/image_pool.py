"""Translations of earlier steps, which a discriminator sees beside the newest (Shrivastava et al., CVPR 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hifisyn.networks.by_modality import ByModality
from hifisyn.networks.module import TensorModule


class ImagePool(nn.Module):
    """Remembers up to `size` images; buffers only, so that a resumed run remembers the same.

    Of several processes each remembers its own; resumed, all go on with what the first remembered.

    Args:
        size: images.
        side: pixels along each side.
    """

    images: Tensor
    filled: Tensor
    each_process_its_own = True

    def __init__(self, size: int, side: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, 1, side, side))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, new: Tensor, rng: torch.Generator) -> Tensor:
        """Return, for each new image (N, 1, H, W), itself or an older one, detached.

        While the pool fills up, new images are stored and returned. Later each is, with a probability of one half,
        put in the place of a random older one, which is returned; else it is returned and not stored.
        """
        size, chosen = len(self.images), []
        for image in new.detach().float():
            filled = int(self.filled)
            if filled < size:
                self.images[filled] = image
                self.filled += 1
            elif torch.rand((), generator=rng, device=rng.device) < 0.5:
                place = int(torch.randint(size, (), generator=rng, device=rng.device))
                image, self.images[place] = self.images[place].clone(), image
            chosen.append(image)
        return torch.stack(chosen).to(new.dtype)


class ImagePools(TensorModule):
    """A pool for each contrast.

    Args:
        domains: names of the contrasts.
        size: images in each.
        side: pixels along each side.
    """

    def __init__(self, domains: Sequence[str], size: int, side: int) -> None:
        super().__init__()
        self.pools = ByModality(domains, lambda: ImagePool(size, side))

    def forward(self, new: Tensor, modality: str, rng: torch.Generator) -> Tensor:
        """Return what `ImagePool.exchange` of a contrast returns."""
        return self.pools[modality].exchange(new, rng)


def exchanged(pools: ImagePools | None, new: Tensor, modality: str, rng: torch.Generator) -> Tensor:
    """Return new images (N, 1, H, W) or older ones for each, detached; without pools the new ones."""
    return new.detach() if pools is None else pools(new, modality, rng)
