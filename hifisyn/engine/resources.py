"""What this process may use: CPUs and workers, as the system, a scheduler or a container allows."""

import os

from hifisyn import memory

GIB_A_WORKER = 2.0
ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


def workers_that_fit(processes: int | None = None, gib_each: float = GIB_A_WORKER) -> int:
    """Return how many processes to use: those requested, else as many as allowed CPUs and free memory permit.

    Where the system does not report its memory, it is taken to suffice for one of the usual size.
    """
    if processes is not None:
        return processes
    free = memory.free_gib()
    return max(1, min(allowed_cpus(), int((GIB_A_WORKER if free is None else free) / gib_each)))


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
    quota, _, period = memory.text_of(memory.CGROUP / "cpu.max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        cpus = min(cpus, max(1, int(quota) // int(period)))
    return cpus
