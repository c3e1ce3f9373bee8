"""What a piece of work costs: wall time, and the most memory that this process held meanwhile."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
RESET_PEAK = "5"
MIB = 2**20


@dataclass
class Cost:
    """Of one piece of work.

    Attributes:
        seconds: wall time.
        peak_mib: resident memory of this process at its peak; programs that it started do not count.
    """

    seconds: float = 0.0
    peak_mib: int = 0


@contextmanager
def measured() -> Iterator[Cost]:
    """Yield the cost of the block, which is known once the block has ended, also by an error.

    Where the system cannot forget the peak of before (everywhere but on Linux), the peak is that of the process's
    whole life.
    """
    cost = Cost()
    _forget_peak()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = round(time.perf_counter() - began, 3)
        cost.peak_mib = peak_mib()


def _forget_peak() -> None:
    with suppress(OSError):
        CLEAR.write_text(RESET_PEAK, encoding="ascii")


def peak_mib() -> int:
    """Return the peak of the resident memory of this process since it was last forgotten, MiB."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) // 1024
    except (OSError, StopIteration):
        return _peak_of_life()


def _peak_of_life() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // MIB if sys.platform == "darwin" else peak // 1024
