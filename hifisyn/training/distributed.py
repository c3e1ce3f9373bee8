"""Several processes, one a device, under torchrun. Not DDP: its hooks expect one forward and one backward a step.

Instead the gradients of a group are averaged by one all-reduce after its backward. Each process draws its own
batch of `optimisation.batch_size`, so n processes see n times as many images a step.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed as dist
from torch import nn

TIME_LIMIT = timedelta(minutes=60)


@dataclass(frozen=True)
class Ranks:
    """This process's number, and how many there are."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def main(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    @classmethod
    def from_environment(cls) -> "Ranks":
        """Read what torchrun sets; one process if nothing is set."""
        rank, world, local = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(int(rank or 0), int(world or 1), int(local or 0))


@contextmanager
def joined(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Join the other processes for the length of a `with` statement: NCCL on CUDA, else Gloo."""
    if ranks.world == 1:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIME_LIMIT)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def broadcast_state(networks: nn.Module) -> None:
    """Give every process the parameters and buffers of rank 0."""
    if _several():
        for tensor in (*networks.parameters(), *networks.buffers()):  # whole: parts in the state need not be contiguous
            dist.broadcast(tensor.detach(), src=0)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by the mean over processes; one without gradient everywhere stays without."""
    if not _several():
        return
    chosen = list(parameters)
    present = torch.tensor([float(p.grad is not None) for p in chosen], device=chosen[0].device)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in chosen]
    flat = torch.cat([present, *(g.reshape(-1) for g in gradients)])
    dist.all_reduce(flat)
    sizes = [len(chosen), *(p.numel() for p in chosen)]
    present, *means = torch.split_with_sizes(flat / dist.get_world_size(), sizes)
    for parameter, mean, share in zip(chosen, means, present.tolist(), strict=True):
        parameter.grad = mean.view_as(parameter) if share else None


def average_buffers(networks: nn.Module) -> None:
    """Replace each floating-point buffer by its mean over processes, and each other one by rank 0's.

    Modules with a true attribute `each_process_its_own` are left alone.
    """
    if not _several():
        return
    for module in networks.modules():
        if getattr(module, "each_process_its_own", False):
            continue
        for buffer in module.buffers(recurse=False):
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= dist.get_world_size()
            else:
                dist.broadcast(buffer, src=0)


def largest(value: int, device: torch.device) -> int:
    """Return the largest value that any process has, so that all decide alike."""
    if not _several():
        return value
    shared = torch.tensor([value], device=device)
    dist.all_reduce(shared, op=dist.ReduceOp.MAX)
    return int(shared.item())
