"""What this process may use: CPUs and memory, as the system, a scheduler or a container allows."""

import os
from pathlib import Path

GIB_A_WORKER = 2.0
ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def workers_that_fit(processes: int | None = None, gib_each: float = GIB_A_WORKER) -> int:
    """Return how many processes to use: those requested, else as many as allowed CPUs and free memory permit."""
    if processes is not None:
        return processes
    return max(1, min(allowed_cpus(), int(free_gib() / gib_each)))


def one_itk_thread() -> None:
    """Let ITK (ANTs, SimpleITK) compute with one thread, unless its variable is set.

    With several, sums differ in their last digits from run to run, and registrations by hundredths of a millimetre.
    It counts before the first use of the libraries; cases run side by side instead.
    """
    os.environ.setdefault(ITK_THREADS, "1")


def allowed_cpus() -> int:
    """Return the CPUs that this process may run on, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota, _, period = _text(CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        cpus = min(cpus, max(1, int(quota) // int(period)))
    return cpus


def free_gib() -> float:
    """Return the memory that may still be taken, GiB; enough for one worker where the system does not report it."""
    lines = dict(line.split(":", 1) for line in _text(MEMINFO).splitlines() if ":" in line)
    available = lines.get("MemAvailable", "").split()
    free = int(available[0]) / 2**20 if available else GIB_A_WORKER
    limit, used = memory_limit_gib(), _text(CGROUP / "memory.current")
    return free if limit is None or not used.isdecimal() else min(free, limit - int(used) / 2**30)


def memory_limit_gib() -> float | None:
    """Return the memory that the container may take, GiB; none where it is not limited."""
    limit = _text(CGROUP / "memory.max")
    return int(limit) / 2**30 if limit.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
