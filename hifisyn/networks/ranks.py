"""Sums over the processes of a training on several GPUs; without a process group they are the input itself."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def world_size() -> int:
    """Return the number of processes that train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_ranks(tensor: Tensor) -> Tensor:
    """Return the sum of every process's tensor, with the gradient that one process with the joint batch would have."""
    return _sum(tensor) if world_size() > 1 else tensor


def from_first_rank(tensor: Tensor, has: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row from the first process that has one, and which rows any process has.

    Args:
        tensor: (T, C), rows of this process.
        has: (T,) bool, whether this process has the row.
    """
    if world_size() == 1:
        return tensor, has
    first = torch.where(has, dist.get_rank(), world_size())
    dist.all_reduce(first, op=dist.ReduceOp.MIN)
    mine = (first == dist.get_rank())[:, None]
    return sum_over_ranks(torch.where(mine, tensor, torch.zeros_like(tensor))), first < world_size()


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


_sum: Callable[[Tensor], Tensor] = _Sum.apply
