"""One writer a folder: a lock file names the process, is touched while it lives, and is taken over once it is dead."""

import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hifisyn.errors import FileError, UserError
from hifisyn.json_files import read_object

ENDING = ".lock"
READING = "reading_"
TOUCHED_EVERY = 60.0
DEAD_AFTER = 15 * 60.0
LARGEST = 4096  # bytes of a lock


@contextmanager
def only_writer(folder: Path, writer: str) -> Iterator[None]:
    """Hold the lock of a writer, such as "all" or "shard_3_of_8", while the block runs.

    Shards of one count work side by side, and so do those who only read. Any other would do the same work twice, or
    change what is read, so it is refused.

    Raises:
        UserError: a living process holds a lock that excludes this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{writer}{ENDING}"
    _take(path)
    ended = threading.Event()
    try:
        for other in (other for other in folder.glob(f"*{ENDING}") if other != path):
            if not _removed_if_dead(other) and not _side_by_side(writer, other.stem):  # dead readers' locks go as well
                raise _held(other)
        threading.Thread(target=_keep_touching, args=(path, ended), daemon=True).start()
        yield
    finally:
        ended.set()
        path.unlink(missing_ok=True)


@contextmanager
def only_reading(folder: Path) -> Iterator[None]:
    """Let no process write into a folder while the block reads it; others may read too.

    A folder in which nothing may be written needs no lock.

    Raises:
        UserError: a living process writes there.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(only_writer(folder, f"{READING}{uuid.uuid4().hex}"))
        yield


def alone(folder: Path) -> bool:
    """Return whether no other living process holds a lock in the folder."""
    return sum(not _removed_if_dead(path) for path in folder.glob(f"*{ENDING}")) <= 1


def _take(path: Path) -> None:
    me = {"host": socket.gethostname(), "pid": os.getpid(), "began": _began(os.getpid())}
    me["since"] = datetime.now(UTC).isoformat(timespec="seconds")
    while True:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            if not _removed_if_dead(path):
                raise _held(path) from None
        else:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(me, file)
            return


def _side_by_side(one: str, other: str) -> bool:
    if one.startswith(READING) and other.startswith(READING):
        return True
    return one == other or ("_of_" in one and one.rpartition("_of_")[2] == other.rpartition("_of_")[2])


def _removed_if_dead(path: Path) -> bool:
    """Return whether the lock is gone now: it was already, or its holder is dead."""
    holder = _holder(path)
    if holder is None:
        return True
    if not _dead(holder, path):
        return False
    # Between the look and the removal another process may have taken the lock: move it away, then look again.
    grave = path.with_name(f".partial-{uuid.uuid4().hex}")
    try:
        os.rename(path, grave)
    except FileNotFoundError:
        return True
    alive = _holder(grave) != holder
    if alive:
        with suppress(FileExistsError, FileNotFoundError):
            os.link(grave, path)
    grave.unlink(missing_ok=True)
    return not alive


def _holder(path: Path) -> dict[str, Any] | None:
    """Return the content of a lock; empty while its holder is just writing it; None where there is no lock."""
    try:
        return read_object(path, most=LARGEST) if path.exists() else None
    except FileError:
        return {} if path.exists() else None


def _dead(holder: dict[str, Any], path: Path) -> bool:
    pid = holder.get("pid")
    if holder.get("host") == socket.gethostname() and isinstance(pid, int) and 0 < pid < 2**31:
        return not _runs(pid, holder.get("began", ""), path)
    return _untouched_for(path) > DEAD_AFTER


def _runs(pid: int, began: str, path: Path) -> bool:
    if sys.platform == "win32":  # there signal 0 is Ctrl-C; a living process touches its lock
        return _untouched_for(path) <= DEAD_AFTER
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return began in ("", _began(pid))


def _began(pid: int) -> str:
    """Return when a process began in the system's own count, which distinguishes processes of one number.

    It is "" where the system does not report it, and "dead" for one that only waits for its parent to notice.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return "dead" if words[0] in "ZX" else words[19]
    except (OSError, IndexError):
        return ""


def _untouched_for(path: Path) -> float:
    """Return the seconds since the lock was touched, by the clock of the file system, which all machines share."""
    now = path.with_name(f".partial-{uuid.uuid4().hex}")
    try:
        now.touch()
        return now.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        now.unlink(missing_ok=True)


def _keep_touching(path: Path, ended: threading.Event) -> None:
    while not ended.wait(TOUCHED_EVERY):
        with suppress(OSError):
            os.utime(path)


def _held(path: Path) -> UserError:
    holder = _holder(path) or {}
    who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')} since {holder.get('since', '?')}"
    return UserError(
        f"{path.parent} is held by {who}", hint=f"wait until that run ends, or remove the file if it is dead: {path}"
    )
