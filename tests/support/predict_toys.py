"""A method that looks at the slices around each slice and returns the error it expects; others that die or sleep."""

import os
import signal
import time
from pathlib import Path

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


MARKS = "HIFISYN_TEST_MARKS"


class Deadly(Toy):
    """Kills the first process that translates with it."""

    def translator(self, source: str, target: str) -> nn.Module:
        mark = Path(os.environ[MARKS]) / "died"
        try:
            mark.touch(exist_ok=False)
        except FileExistsError:
            return nn.Identity()
        os.kill(os.getpid(), signal.SIGKILL)
        return nn.Identity()


class Sleepy(Toy):
    """Takes longer than anybody waits."""

    def translator(self, source: str, target: str) -> nn.Module:
        (Path(os.environ[MARKS]) / str(os.getpid())).touch()
        time.sleep(300)
        return nn.Identity()
