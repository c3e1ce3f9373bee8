"""A method that looks at the slices around each slice and tells the error it expects."""

import torch
from torch import Tensor, nn

from hifisyn.training.contract import Needs
from tests.support.training_toys import Toy


class Doubtful(Toy):
    NEEDS = Needs(context=1)

    def translator(self, source: str, target: str) -> nn.Module:
        return Above()


class Above(nn.Module):
    """Copies the slice above; it expects an error of 0.1 where the slice itself is dark, 0.3 where it is bright."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([image[:, 2:3], expected(image[:, 1:2]).log()], dim=1)


def expected(slices):
    return 0.2 + 0.1 * slices
