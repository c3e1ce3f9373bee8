"""Checkpoints: tensors and plain types only, written atomically, read with weights_only=True."""

import hashlib
import json
import platform
import random
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

import hifisyn
from hifisyn.errors import FileError, UserError
from hifisyn.networks.tensor_files import read_tensors, write_tensors
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
    write_tensors(path, content)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        UserError: the file is missing, broken, of another format, holds more than tensors and plain types, is not as it
            was written, or has weights that are not finite.
    """
    content = read_tensors(path, "a checkpoint of hifisyn_train", device)
    number = content.get("format")
    if number != FORMAT:
        raise UserError(
            f"{path} must be a checkpoint of format {FORMAT}",
            got="another file" if number is None else f"format {number}",
            hint="plan again with hifisyn_plan_and_preprocess --overwrite, and train again",
        )
    return _typed(content, path)


def _typed(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Refuse a checkpoint whose parts are not what `save` writes."""
    average = content.get("average")
    weights = [content.get("networks"), *([average.get("weights")] if isinstance(average, dict) else [])]
    domains, plans = content.get("domains"), content.get("plans")
    whole = isinstance(plans, dict) and isinstance(domains, list) and (average is None or isinstance(average, dict))
    if not whole or not all(isinstance(each, dict) and _are_tensors(each) for each in weights):
        raise FileError(path, "must hold domains, plans and weights", got="something else", hint="take another file")
    return content


def _are_tensors(weights: dict[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items())


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
        raise UserError(
            f"the weights must fit the networks of {type(trainer).__name__}",
            got=_first_misfit(str(error)),
            hint="use the plans and the version that the checkpoint was trained with",
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


def _first_misfit(message: str) -> str:
    """Return the first weight that torch names as missing, foreign or of another shape."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:200].rstrip(". ")


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
