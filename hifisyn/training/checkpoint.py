"""Checkpoints: tensors and plain types only, written atomically, read with weights_only=True."""

import hashlib
import json
import pickle
import platform
import random
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hifisyn
from hifisyn.errors import UserError
from hifisyn.files import atomic
from hifisyn.plans import Plans
from hifisyn.training.average import WeightAverage
from hifisyn.training.contract import Trainer

FORMAT = 2
LATEST, BEST, FINAL = "checkpoint_latest.pt", "checkpoint_best.pt", "checkpoint_final.pt"


def save(
    path: Path,
    trainer: Trainer,
    *,
    average: WeightAverage | None = None,
    optimizers: dict[str, torch.optim.Optimizer] | None = None,
    progress: dict[str, Any] | None = None,
) -> None:
    """Write a checkpoint.

    Args:
        path: replaced if it exists; a killed process leaves the old file.
        trainer: its networks, plans and contrasts are kept.
        average: its averaged weights; they take the place of the others where there are no optimizers.
        optimizers: needed to go on training; left out of `best` and `final`, which are then a third of the size and
            hold the weights to translate with.
        progress: plain data that the loop needs to go on.
    """
    with average.applied() if average and not optimizers else nullcontext():
        networks = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    content = {
        "format": FORMAT,
        "domains": list(trainer.domains),
        "plans": trainer.plans.model_dump(mode="json"),
        "plans_hash": plans_hash(trainer.plans),
        "versions": versions(),
        "networks": networks,
        "average": average.state() if average and optimizers else None,
        "optimizers": {name: o.state_dict() for name, o in optimizers.items()} if optimizers else None,
        "progress": progress or {},
        "random": _random_states(),
    }
    with atomic(path) as temporary:
        torch.save(content, temporary)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        UserError: the file is missing, broken, of another format, or holds more than tensors and plain types.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: wanted a checkpoint, found none; train first") from None
    except (RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: wanted a checkpoint, found a broken or foreign file ({reason}); remove it") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else type(content).__name__
        raise UserError(
            f"{path}: wanted a checkpoint of format {FORMAT}, found {found}; plan again with "
            "hifisyn_plan_and_preprocess --overwrite, and train again"
        )
    return content


def restore(
    content: dict[str, Any],
    trainer: Trainer,
    optimizers: dict[str, torch.optim.Optimizer] | None = None,
    *,
    average: WeightAverage | None = None,
    randomness: bool = False,
) -> None:
    """Put the weights, and if given the optimizers' state, the average and random states, of a checkpoint in place.

    Without optimizers these are the weights to translate with: the averaged ones where there are any.

    Raises:
        UserError: the checkpoint is of other networks.
    """
    weights = dict(content["networks"])
    if optimizers is None and content["average"]:
        weights |= content["average"]["weights"]
    try:
        trainer.networks.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"wanted weights for the networks of {type(trainer).__name__}, found others ({reason}); "
            "use the plans and the version that the checkpoint was trained with"
        ) from None
    if optimizers is not None:
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(content["optimizers"][name])
    if average is not None and content["average"]:
        average.load(content["average"])
    if randomness:
        _set_random_states(content["random"])


def plans_hash(plans: Plans) -> str:
    """Return 16 hexadecimal digits that change when a plan does."""
    text = json.dumps(plans.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of what decides the numbers."""
    return {
        "hifisyn": hifisyn.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def _random_states() -> dict[str, Any]:
    """Return the global generators' states; the loop uses none of them, a method from outside may."""
    name, keys, *rest = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [str(name), torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"].cpu())
    if len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
