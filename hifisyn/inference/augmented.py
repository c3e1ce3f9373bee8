"""Test-time augmentation: an image is translated at several places of the networks' grid and mirrored, then averaged.

Patterns that come from where strided layers lie, such as stripes of an even period, cancel out.
"""

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from hifisyn.inference.ensemble import mixture
from hifisyn.intensities import OUTSIDE


class Shifted(nn.Module):
    """A translator, averaged over four shifts of half a stride and the left-right mirror image of each.

    The size stays, since some networks take one size only: what a shift moves out of the image keeps the answer of
    the pass without a shift.

    Args:
        translator: of one direction, see `hifisyn.training.contract.Trainer.translator`.
        stride: image pixels along each side of a content pixel.
    """

    def __init__(self, translator: nn.Module, stride: int = 1) -> None:
        super().__init__()
        self.translator = translator
        self.step = max(1, stride // 2)

    def forward(self, image: Tensor) -> Tensor:
        """Return the mean of eight passes."""
        return mixture(torch.stack([*self._at_all_shifts(image), *self._mirrored(image)]))

    def _mirrored(self, image: Tensor) -> list[Tensor]:
        return [answer.flip(-1) for answer in self._at_all_shifts(image.flip(-1))]

    def _at_all_shifts(self, image: Tensor) -> list[Tensor]:
        """Return four answers, each back in its place."""
        height, width = image.shape[-2:]
        unmoved: Tensor = self.translator(image)
        answers = [unmoved]
        for down, right in list(product((0, self.step), repeat=2))[1:]:
            moved = pad(image, (right, 0, down, 0), value=OUTSIDE)[..., :height, :width]
            back = unmoved.clone()
            back[..., : height - down, : width - right] = self.translator(moved)[..., down:, right:]
            answers.append(back)
        return answers
