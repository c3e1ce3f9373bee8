"""Signals, a full disk and little memory: how each command ends, and whether the same command then goes on to the end.

Of `benchmarks.kills`, which has the commands: `python -m benchmarks.kills -o OUT --troubles`.
"""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.kills import Work, gone, laid, start, undisturbed

GIB = 2**30
ADDRESSES = (3 * GIB, 5 * GIB)  # fewer, and the libraries cannot be loaded
ENDS_WITHIN = 20.0


def show(out: Path, names: list[str], moments: int) -> int:
    """Print a row for each command and trouble; return 1 where anything is wrong."""
    bad = False
    print(f"{'command':<14}{'trouble':<34}{'exit codes':<20}{'wrong':>6}", flush=True)
    for name in names:
        work = undisturbed(name, out)
        for trouble, meet in TROUBLES.items():
            codes, wrong = meet(work, shares(moments))
            print(f"{name:<14}{trouble:<34}{', '.join(map(str, codes)):<20}{len(wrong):>6}", flush=True)
            for line in wrong[:8]:
                print(f"    {line}", flush=True)
            bad |= bool(wrong)
    return int(bad)


Met = tuple[list[int], list[str]]


def shares(moments: int) -> list[float]:
    """Return shares of a command's time, or of the room that it takes.

    >>> shares(1), shares(3)
    ([0.5], [0.2, 0.5, 0.8])
    """
    return [0.5] if moments == 1 else [round(0.2 + 0.6 * place / (moments - 1), 3) for place in range(moments)]


def signalled(number: int, work: Work, moments: list[float], *, to_all: bool = True, twice: bool = False) -> Met:
    """Send a signal at some moments, and run the same command again."""
    codes, wrong = [], []
    for share in moments:
        laid(work.state, work.home)
        process = start(work.command, work.home, work.log)
        if not _ends(process, share * work.seconds):
            send(process, number, to_all)
            if twice and not _ends(process, 0.3):
                send(process, number, to_all)
        if not _ends(process, ENDS_WITHIN if not twice else 5.0):
            wrong.append(f"runs on {ENDS_WITHIN:.0f} s after signal {number}")
            os.killpg(process.pid, signal.SIGKILL)
        codes.append(process.wait())
        wrong += [] if gone(process.pid) else ["processes are left"]
        wrong += _tracebacks(work) + work.again()
    return codes, wrong


def send(process: subprocess.Popen[bytes], number: int, to_all: bool) -> None:
    """Send a signal to all processes of a command, as a terminal does, or to the first alone, as a scheduler may."""
    os.killpg(process.pid, number) if to_all else process.send_signal(number)


def little_memory(work: Work, moments: list[float]) -> Met:
    """Allow each process few addresses, then all."""
    codes, wrong = [], []
    for addresses in ADDRESSES[: len(moments)]:
        laid(work.state, work.home)
        limit = partial(resource.setrlimit, resource.RLIMIT_AS, (addresses, addresses))
        codes.append(work.ended(start(work.command, work.home, work.log, limit)))
        wrong += _tracebacks(work) + work.again()
    return codes, wrong


def full_disk(work: Work, moments: list[float]) -> Met:
    """Run where less room is left than the command takes, then where there is enough."""
    codes, wrong = [], []
    room = _size(work.home)
    laid(work.state, work.home)
    before = _size(work.home)
    for share in moments:
        laid(work.state, work.home)
        fits = before + int(share * max(room - before, 64 * 1024)) + 4096
        code, problems = (_on_tmpfs if _may_mount(work.home) else _short_files)(work, fits)
        codes.append(code)
        wrong += problems
    return codes, wrong


def _on_tmpfs(work: Work, fits: int) -> tuple[int, list[str]]:
    """Run on a disk of this size, then on a larger one."""
    home = str(work.home)
    held = work.home.with_name("held")
    shutil.rmtree(held, ignore_errors=True)
    work.home.rename(held)
    work.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={fits}", "tmpfs", home], check=True)
    try:
        laid(held, work.home)
        code = work.ended(start(work.command, work.home, work.log))
        wrong = _tracebacks(work)
        subprocess.run(["mount", "-o", "remount,size=2g", home], check=True)
        return code, wrong + work.again()
    finally:
        subprocess.run(["umount", home], check=True)
        shutil.rmtree(held)


def _short_files(work: Work, fits: int) -> tuple[int, list[str]]:
    """Run with files no longer than a share of the longest."""
    longest = max((file.stat().st_size for file in work.home.rglob("*") if file.is_file()), default=fits)
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (longest // 2, longest // 2))
    code = work.ended(start(work.command, work.home, work.log, limit))
    return code, _tracebacks(work) + work.again()


def _may_mount(home: Path) -> bool:
    probe = home.with_name("probe")
    probe.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(probe)], capture_output=True
    ).returncode
    if made == 0:
        subprocess.run(["umount", str(probe)], check=True)
    probe.rmdir()
    return made == 0


def _size(folder: Path) -> int:
    """Return the bytes that the files take, in pages."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(-(-size // 4096) * 4096 for size in sizes)


def _tracebacks(work: Work) -> list[str]:
    said = work.log.read_text(errors="replace")
    return [f"traceback: {said.strip().splitlines()[-1][:160]}"] if "Traceback" in said else []


def _ends(process: subprocess.Popen[bytes], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            return True
        time.sleep(0.05)
    return False


TROUBLES: dict[str, Callable[[Work, list[float]], Met]] = {
    "Ctrl-C": partial(signalled, signal.SIGINT),
    "Ctrl-C twice": partial(signalled, signal.SIGINT, twice=True),
    "SIGTERM to the first process": partial(signalled, signal.SIGTERM, to_all=False),
    "SIGHUP, a lost terminal": partial(signalled, signal.SIGHUP),
    "a full disk": full_disk,
    "little memory": little_memory,
}
