"""One step of any method, and what surrounds it: device, precision, learning rate."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch
from torch import Tensor

from hifisyn.errors import UserError
from hifisyn.training.average import WeightAverage
from hifisyn.training.batch import Batch
from hifisyn.training.contract import Trainer
from hifisyn.training.distributed import average_buffers, average_gradients
from hifisyn.training.source import METHOD, step_seed

Precision = Literal["auto", "fp32", "bf16"]


def take_step(
    trainer: Trainer,
    optimizers: dict[str, torch.optim.Optimizer],
    batch: Batch,
    *,
    average: WeightAverage | None = None,
    seed: int,
    rank: int = 0,
    precision: Precision = "fp32",
) -> dict[str, Tensor]:
    """Do every update that the method yields for a batch, then move the averaged weights.

    Returns:
        The losses by group/name, 0-dimensional and detached, on the device.
    """
    trainer.iteration = batch.iteration
    trainer.generator.manual_seed(step_seed(seed, batch.iteration, rank, METHOD))
    clips = trainer.clips()
    logged: dict[str, Tensor] = {}
    updates = trainer.updates(batch.to(trainer.device))
    while True:
        # The forward pass runs between two yields; the backward pass below stays outside autocast.
        with autocast(trainer.device, precision):
            update = next(updates, None)
        if update is None:
            break
        group, losses = update
        parameters = trainer.parameters(group)
        optimizers[group].zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack([loss.float() for loss in losses.values()]).sum(), inputs=parameters)
        average_gradients(parameters)
        if group in clips:
            torch.nn.utils.clip_grad_norm_(parameters, clips[group])
        optimizers[group].step()
        logged |= {f"{group}/{name}": loss.detach().float() for name, loss in losses.items()}
    trainer.after_step()
    average_buffers(trainer.networks)
    if average is not None:
        average.update()
    return logged


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context of a forward pass: bfloat16 where that is the precision, else nothing."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def resolve_precision(name: str, device: torch.device) -> Precision:
    """Return bf16 or fp32; `auto` is bf16 on a CUDA device that computes in it, else fp32.

    Raises:
        UserError: no such precision, or one that the device lacks.
    """
    if name not in get_args(Precision):
        raise UserError(f"--precision must be {', '.join(get_args(Precision))}", got=name)
    capable = device.type == "cpu" or (
        device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    if name == "bf16" and not capable:
        raise UserError(f"{device} must compute in bf16 for --precision bf16", hint="pass --precision fp32")
    if name == "auto":
        return "bf16" if device.type == "cuda" and capable else "fp32"
    return "bf16" if name == "bf16" else "fp32"


def resolve_device(name: str, local_rank: int = 0) -> torch.device:
    """Return the device called auto, cpu, cuda, cuda:1 or mps; `auto` prefers cuda, then mps.

    Raises:
        UserError: there is no such device here.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available[:0] = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    chosen = available[0] if name == "auto" else name
    if chosen not in available:
        raise UserError(
            f"--device must be one of this machine ({', '.join(available)})",
            got=name,
            hint=f"pass --device {available[0]}",
        )
    return torch.device("cuda", local_rank) if chosen == "cuda" else torch.device(chosen)
