"""Weights of another training to start from: what fits by role and contrast is taken, the rest is listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hifisyn.errors import UserError
from hifisyn.plans import Plans
from hifisyn.training import checkpoint
from hifisyn.training.contract import Trainer

NAMES_SHOWN = 6
SIZES = ("networks", "memory")  # parts of the settings that the shapes of weights depend on
LABELS = ("slot_class", "item_class")  # values of the data set's own labels, which the plans give by name


@dataclass(frozen=True)
class Pretrained:
    """Weights that a training starts from.

    Attributes:
        file: their checkpoint.
        plans: what they were trained by.
        weights: by name in the networks.
    """

    file: Path
    plans: Plans
    weights: Mapping[str, Tensor]

    @classmethod
    def read(cls, file: Path) -> "Pretrained":
        """Read a checkpoint of this version; averaged weights where there are any.

        Raises:
            UserError: it is missing, broken or of another format.
        """
        content = checkpoint.load(file)
        average = content["average"]
        weights = content["networks"] | (average["weights"] if average else {})
        return cls(file, Plans.checked(content["plans"], str(file)), weights)

    def put_into(self, networks: nn.Module) -> tuple[list[str], list[str]]:
        """Copy what has the same name and shape.

        Returns:
            The names in the networks that kept their fresh values, and the names of weights that were not taken.
        """
        own = networks.state_dict()
        fitting = {
            n: w for n, w in self.weights.items() if n in own and own[n].shape == w.shape and not n.endswith(LABELS)
        }
        with torch.no_grad():
            for name, weight in fitting.items():
                own[name].copy_(weight)
        return sorted(own.keys() - fitting.keys()), sorted(self.weights.keys() - fitting.keys())

    def remarks(self, trainer: type[Trainer], plans: Plans, domains: tuple[str, ...]) -> list[str]:
        """Return what a user should know: what was taken, what stayed fresh, what was left.

        Raises:
            UserError: nothing fits.
        """
        networks = trainer(plans, domains).networks
        fresh, left = self.put_into(networks)
        total = len(networks.state_dict())
        if len(fresh) == total:
            raise UserError(
                f"{self.file}: wanted weights that fit {trainer.TITLE} on {', '.join(domains)}, found none of {total}; "
                "choose a model of the same method and size"
            )
        lines = [f"started from {self.file}: {total - len(fresh)} of {total} weights and buffers"]
        lines += [f"fresh: {_some(fresh)}"] if fresh else []
        return lines + ([f"not taken: {_some(left)}"] if left else [])


def adopted(plans: Plans, start: Pretrained) -> Plans:
    """Return plans with the sizes of the networks whose weights a training starts from, and with their labels.

    Width, depth and slots are those of the weights. Labels go by name: those that both know keep the data set's values,
    those of the weights alone get values that no pixel has, and a structure that the weights do not know has no slots
    of its own and is read through the global ones.

    Raises:
        UserError: the weights are of another method.
    """
    if start.plans.method != plans.method:
        raise UserError(
            f"{start.file}: wanted weights of {plans.method}, found those of {start.plans.method}; choose another model"
        )
    parts = {part: start.plans.settings[part] for part in SIZES if part in start.plans.settings}
    unknown = [name for name in start.plans.labels if name not in plans.labels]
    first = max(plans.labels.values(), default=0) + 1
    labels = plans.labels | {name: first + number for number, name in enumerate(unknown)}
    return plans.model_copy(update={"settings": plans.settings | parts, "labels": labels})


def find(path: Path) -> Path:
    """Return a checkpoint: the file itself, or of a model folder the best weights of its lowest fold.

    Raises:
        UserError: there is none.
    """
    if path.is_file():
        return path
    for name in (checkpoint.BEST, checkpoint.FINAL, checkpoint.LATEST):
        if found := sorted(path.glob(f"fold_*/{name}")):
            return found[0]
    raise UserError(
        f"{path}: wanted a model folder with a trained fold, or a checkpoint, found neither; check --pretrained"
    )


def _some(names: list[str]) -> str:
    groups = sorted({name.rpartition(".")[0] or name for name in names})
    more = f" and {len(groups) - NAMES_SHOWN} more" if len(groups) > NAMES_SHOWN else ""
    return ", ".join(groups[:NAMES_SHOWN]) + more
