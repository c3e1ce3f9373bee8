"""The memory that this process may take, as the system or a container allows."""

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def free_gib() -> float | None:
    """Return the memory that may still be taken, GiB; none where the system does not report it.

    What a container holds of files counts as free: the system gives it back.
    """
    available = _numbers(MEMINFO).get("MemAvailable:")
    if available is None:
        return None
    free = available / 2**20
    limit, used = memory_limit_gib(), text_of(CGROUP / "memory.current")
    if limit is None or not used.isdecimal():
        return free
    files = _numbers(CGROUP / "memory.stat")
    held = sum(files.get(name, 0) for name in ("active_file", "inactive_file"))
    return min(free, limit - (int(used) - held) / 2**30)


def memory_limit_gib() -> float | None:
    """Return the memory that the container may take, GiB; none where it is not limited."""
    limit = text_of(CGROUP / "memory.max")
    return int(limit) / 2**30 if limit.isdecimal() else None


def text_of(path: Path) -> str:
    """Return what a file of the system says; empty where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _numbers(path: Path) -> dict[str, int]:
    """Read lines of a name and a number, whatever follows."""
    words = (line.split() for line in text_of(path).splitlines())
    return {name: int(number) for name, number, *_ in (w for w in words if len(w) > 1) if number.isdecimal()}
