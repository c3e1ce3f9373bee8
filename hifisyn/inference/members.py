"""The weights of a model, read from checkpoints that must go together."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hifisyn.errors import UserError
from hifisyn.inference.models import Model
from hifisyn.inference.weights import Weights
from hifisyn.plans import Plans
from hifisyn.training import checkpoint as checkpoints
from hifisyn.training.contract import Trainer
from hifisyn.training.model_folder import EPOCHS, changes
from hifisyn.training.registry import trusted_class

LARGER, SLACK = 2, 10_000_000  # networks may have buffers that are not stored


def load_members(model: Model, weights: Weights) -> list[Trainer]:
    """Return a trainer with the weights of each checkpoint.

    Raises:
        UserError: a checkpoint is missing, broken or of other networks or contrasts, or two are of different plans.
    """
    members = [_load(checkpoint.file, model) for checkpoint in weights.checkpoints]
    first = weights.checkpoints[0]
    for checkpoint, member in zip(weights.checkpoints[1:], members[1:], strict=True):
        different = changes(members[0].plans, member.plans)
        different.pop(EPOCHS, None)  # a fold may have gone on for longer
        if different:
            raise UserError(
                f"{checkpoint.file} must have the plans of {first.file}",
                got=f"other {', '.join(different)}",
                hint="choose others with --fold and --checkpoint",
            )
    return members


def _load(file: Path, model: Model) -> Trainer:
    content = checkpoints.load(file)
    domains = tuple(content["domains"])
    if domains != model.domains:
        raise UserError(f"{file} must have weights for {model.contrasts}", got=", ".join(domains), hint="train again")
    plans = Plans.checked(content["plans"], origin=str(file))
    kind = trusted_class(plans.method, file)
    require_size(file, kind, plans, domains, content["networks"])
    trainer = kind(plans, domains)
    checkpoints.restore(content, trainer)
    return trainer


def require_size(
    file: Path, kind: type[Trainer], plans: Plans, domains: tuple[str, ...], weights: Mapping[str, Tensor]
) -> None:
    """Refuse plans whose networks are far larger than the weights that come with them, before they are built.

    Raises:
        UserError: they are.
    """
    there = sum(tensor.numel() for tensor in weights.values())
    try:
        with torch.device("meta"):
            planned = sum(tensor.numel() for tensor in kind(plans, domains).networks.state_dict().values())
    except (RuntimeError, NotImplementedError):  # networks that compute while they are built have no size before
        return
    if planned > LARGER * there + SLACK:
        what = f"{file} must have weights for the networks of its plans"
        raise UserError(what, got=f"{there:,} for {planned:,}", hint="take another checkpoint")
