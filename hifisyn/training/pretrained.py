"""Weights of another training to start from: what fits by role and contrast is taken, the rest is listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hifisyn.errors import UserError
from hifisyn.json_files import read_object
from hifisyn.paths import CONFIG_JSON, fold_folder, fold_folders
from hifisyn.planning import rules
from hifisyn.planning.method_plan import scale_rate
from hifisyn.plans import Plans
from hifisyn.settings import flat
from hifisyn.training import checkpoint, networks_file
from hifisyn.training.contract import Trainer

NAMES_SHOWN = 6
BASE = "base"  # in the place of a model: the base model that comes with hifisyn
ENDING = ".safetensors"
SMOOTHED = "smoothed."  # copies of weights that a method averages by itself
LABELS = ("slot_class", "item_class")  # values of the data set's own labels, which the plans give by name
# Settings that shapes of weights depend on, wherever they stand.
SHAPES = (
    "width",
    "n_down",
    "content_blocks",
    "blocks",
    "layers",
    "attribute_code",
    "attribute_encoder",
    "discriminator",
    "upsampling",
    "slots",
    "global_slots",
    "value_width",
)


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
        """Read a checkpoint of this version, averaged weights where there are any; or networks of a pre-training.

        Raises:
            UserError: it is missing, broken or of another format.
        """
        try:
            if file.suffix == ENDING:
                weights, plans = networks_file.read(file)
                return cls(file, plans, weights)
            content = checkpoint.load(file)
        except UserError as error:
            raise error.at("--pretrained") from None
        average = content["average"]
        weights = content["networks"] | (average["weights"] if average else {})
        return cls(file, Plans.checked(content["plans"], str(file)), weights)

    @classmethod
    def of_base(cls, trainer: type[Trainer], plans: Plans) -> "Pretrained":
        """Return the base model's weights as a training of a method by these plans would have left them.

        Raises:
            UserError: the method has other networks, or the weights are not there.
        """
        base = trainer.base_weights()
        if base is None:
            raise UserError(
                f"--pretrained {BASE} must be with a method that has the base model's network, such as Paired",
                got=trainer.TITLE or trainer.__name__,
                hint="leave it out, or choose -tr Paired",
            )
        settings = merge(plans.settings, {"networks.width": base.width})
        return cls(base.file, plans.model_copy(update={"settings": settings}), base.weights)

    def put_into(self, networks: nn.Module) -> tuple[list[str], list[str]]:
        """Copy what has the same name and shape; what a run remembers of its own images is left.

        Where one side has smoothed copies of its weights and the other has not, the smoothed ones are taken for both.

        Returns:
            The names in the networks that kept their fresh values, and the names of weights that were not taken.
        """
        own = networks.state_dict()
        remembered = tuple(f"{name}." for name, m in networks.named_modules() if _is_of_the_run(m))
        offered = {name: self._weight(name) for name in own if not name.startswith(remembered or ("\0",))}
        fitting = {
            name: weight
            for name, weight in offered.items()
            if weight is not None and weight.shape == own[name].shape and not name.endswith(LABELS)
        }
        with torch.no_grad():
            for name, weight in fitting.items():
                own[name].copy_(weight)
        taken = {*fitting, *(f"{SMOOTHED}{name}" for name in fitting)}
        return sorted(own.keys() - fitting.keys()), sorted(self.weights.keys() - taken)

    def _weight(self, name: str) -> Tensor | None:
        """Return the weight of a name; of two, the smoothed one."""
        moving = name.removeprefix(SMOOTHED)
        return self.weights.get(f"{SMOOTHED}{moving}", self.weights.get(moving))

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
                f"{self.file} must hold weights that fit {trainer.TITLE} on {', '.join(domains)}",
                got=f"none of {total}",
                hint="choose a model of the same method and size",
            )
        lines = [f"started from {self.file}: {total - len(fresh)} of {total} weights and buffers"]
        lines += [f"fresh: {_name_groups(fresh)}"] if fresh else []
        return lines + ([f"not taken: {_name_groups(left)}"] if left else [])


def adopt_sizes(plans: Plans, start: Pretrained) -> Plans:
    """Return plans with the sizes of the networks whose weights a training starts from.

    Width, depth and slots are those of the weights, and learning rates follow the width. Structures go by name: a slot
    of one that the data set does not label is foreign and stays empty, and a structure that the weights do not know is
    read through the global slots. Pre-training that is part of a method is left out.

    Raises:
        UserError: the weights are of another method.
    """
    if start.plans.method != plans.method:
        raise UserError(
            f"{start.file} must hold weights of {plans.method}", got=start.plans.method, hint="choose another model"
        )
    known = {key: value for key, value in flat(start.plans.settings).items() if key.rpartition(".")[2] in SHAPES}
    settings = merge(plans.settings, known)
    if "memory" in settings:
        foreign = [name for name in settings["memory"]["slots"] if name not in plans.labels]
        settings["memory"] = settings["memory"] | {"foreign": foreign}
    settings |= {"pretraining": 0.0} if "pretraining" in settings else {}
    return _with_rates(plans.model_copy(update={"settings": settings}), plans.width)


def merge(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with values at dotted keys replaced.

    >>> merge({"networks": {"width": 4, "init": "he"}}, {"networks.width": 8})
    {'networks': {'width': 8, 'init': 'he'}}
    """
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
    for key, value in values.items():
        group, _, name = key.rpartition(".")
        (result[group] if group else result)[name] = value
    return result


def _with_rates(plans: Plans, width: int | None) -> Plans:
    """Return plans whose learning rates suit their width, where those for another one were planned."""
    if width is None or plans.width is None:
        return plans
    total = plans.length.total
    before, after = (rules.rate_factors(w, total).value for w in (width, plans.width))
    optimisation = plans.optimisation
    rates = {
        "lr": scale_rate(optimisation.lr, after[0] / before[0]),
        "lr_discriminator": scale_rate(optimisation.lr_discriminator, after[1] / before[1]),
    }
    settings = dict(plans.settings)
    if own := settings.get("content_discriminator"):
        settings["content_discriminator"] = own | {"lr": scale_rate(own["lr"], after[0] / before[0])}
    return plans.model_copy(update={"optimisation": optimisation.model_copy(update=rates), "settings": settings})


def find_checkpoint(path: Path, dataset: str, fold: int | str) -> Path:
    """Return a checkpoint: the file itself, of a model folder the best weights, of a pre-training its networks.

    Of a model of the same data set the same fold is taken: others trained on cases that this fold validates on.

    Raises:
        UserError: there is none, or none of the same fold.
    """
    if path.is_file():
        return path
    if (path / networks_file.NETWORKS).is_file():
        return path / networks_file.NETWORKS
    folds = fold_folders(path)
    if folds and (path / CONFIG_JSON).is_file() and read_object(path / CONFIG_JSON).get("dataset") == dataset:
        own = [folder for folder in folds if folder == fold_folder(path, fold)]
        if not own:
            trained = ", ".join(folder.name for folder in folds)
            raise UserError(
                f"{path} must hold {fold_folder(path, fold).name}, since other folds of the same data set trained on "
                "cases that this one validates on",
                got=trained,
                hint="train that fold first, or pass a checkpoint file",
            )
        folds = own
    for name in (checkpoint.BEST, checkpoint.FINAL, checkpoint.LATEST):
        for folder in folds:
            if (folder / name).exists():
                return folder / name
    raise UserError(
        f"--pretrained {path} must be a checkpoint, or a model folder with a trained fold",
        hint="pass a folder such as hifisyn_results/IXI/T1_T2/HiFiSyn__plans__2d",
    )


def _is_of_the_run(module: nn.Module) -> bool:
    return bool(getattr(module, "each_process_its_own", False))


def _name_groups(names: list[str]) -> str:
    groups = sorted({name.rpartition(".")[0] or name for name in names})
    more = f" and {len(groups) - NAMES_SHOWN} more" if len(groups) > NAMES_SHOWN else ""
    return ", ".join(groups[:NAMES_SHOWN]) + more
