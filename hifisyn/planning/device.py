"""What the plan may count on: the kind of device, its memory, the cores and the minutes."""

import os
from dataclasses import dataclass
from typing import Literal

from hifisyn.engine.resources import allowed_cpus
from hifisyn.errors import UserError
from hifisyn.memory import memory_limit_gib

GIB = 2**30
UNKNOWN_MEMORY_GB = 8.0


@dataclass(frozen=True)
class Device:
    """The machine that a plan is for, which need not be this one.

    Attributes:
        kind: "cpu" or "cuda".
        memory_gb: memory of the GPU, or of the machine for a CPU plan, in GiB.
        cores: CPU cores that may be used.
        minutes: wall time that the training may take; none: no limit.
    """

    kind: Literal["cpu", "cuda"]
    memory_gb: float
    cores: int
    minutes: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("cpu", "cuda"):
            raise UserError("--device must be auto, cpu or cuda", got=self.kind)
        if self.memory_gb <= 0:
            raise UserError("--device-memory must be more than 0 GB", got=f"{self.memory_gb:g}")
        if self.cores < 1:
            raise UserError("--cores must be at least 1", got=self.cores)
        if self.minutes is not None and self.minutes <= 0:
            raise UserError("--minutes must be more than 0", got=f"{self.minutes:g}")

    def __str__(self) -> str:
        what = f"CPU with {self.cores} cores" if self.kind == "cpu" else "GPU"
        limit = f" for {self.minutes:g} minutes" if self.minutes is not None else ""
        return f"{what} and {self.memory_gb:.1f} GB{limit}"


def detect(
    kind: str = "auto", *, memory_gb: float | None = None, cores: int | None = None, minutes: float | None = None
) -> Device:
    """Return the device: what is given counts, the rest is looked up on this machine.

    torch is imported only where a GPU must be looked for.

    Raises:
        UserError: the device is a GPU, its memory is not given, and this machine has none; or a value cannot be.
    """
    gpu_gb = _gpu_memory_gb() if kind == "auto" or (kind == "cuda" and memory_gb is None) else None
    if kind == "auto":
        kind = "cpu" if gpu_gb is None else "cuda"
    if kind == "cuda" and memory_gb is None and gpu_gb is None:
        raise UserError(
            "--device cuda must name a GPU of this machine",
            got="none",
            hint="pass the memory of another machine's GPU, as in --device-memory 24",
        )
    if memory_gb is None:
        memory_gb = gpu_gb if kind == "cuda" else machine_memory_gb()
    return Device(kind, float(memory_gb or UNKNOWN_MEMORY_GB), allowed_cpus() if cores is None else cores, minutes)  # type: ignore[arg-type]


def usable_here(kind: str) -> str:
    """Return "cuda" where that is planned for and this machine has a GPU, else "cpu"."""
    return "cuda" if kind == "cuda" and _gpu_memory_gb() is not None else "cpu"


def machine_memory_gb() -> float | None:
    """Return the memory this process may use in GiB: installed, or the container's limit; none where unknown."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    except (AttributeError, ValueError, OSError):
        return None
    limit = memory_limit_gib()
    return installed if limit is None else min(installed, limit)


def _gpu_memory_gb() -> float | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory / GIB
