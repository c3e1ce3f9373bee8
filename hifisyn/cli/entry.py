"""How every command ends: a user's mistake is one line on stderr and exit code 2."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FrameType

from hifisyn.engine import plain_log
from hifisyn.errors import UserError
from hifisyn.troubles import is_disk_full, passes


def command(function: Callable[[list[str] | None], int | None]) -> Callable[[list[str] | None], int]:
    """Turn a main function into a console command.

    UserError and passing troubles, such as missing permission, memory and a full disk, become one line and exit code 2,
    an interruption 130; any other exception is a bug and keeps its traceback.
    """

    @wraps(function)
    def main(arguments: list[str] | None = None) -> int:
        # OpenMP threads spin for milliseconds before they sleep, which slows them twofold beside another program;
        # sleeping at once costs as much on a quiet machine. Read when torch is imported, later than this.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
        plain_log.install()
        if function.__module__ == "__main__":  # so `python -m` names the command's module, and its logger
            plain_log.install("__main__")
        try:
            with second_interrupt_ends_at_once():
                return function(arguments) or 0
        except UserError as error:
            return _fail(error)
        except PermissionError as error:
            return _fail(UserError(f"no permission to read or write {error.filename}", hint="choose another folder"))
        except MemoryError as error:
            got = " ".join(str(error).split())
            hint = "run again with fewer processes (-np), or where there is more"
            return _fail(UserError("the memory does not suffice", got=got, hint=hint))
        except OSError as error:
            if not passes(error):
                raise
            written = is_disk_full(error)
            what = f"{error.filename or 'the output'} cannot be {'written' if written else 'read or written'}"
            hint = "free some space, then run the same again" if written else "run the same again once it can"
            return _fail(UserError(what, got=os.strerror(error.errno or 0).lower(), hint=hint))
        except KeyboardInterrupt:
            logging.getLogger(plain_log.PACKAGE).warning("interrupted")
            return 130

    return main


@contextmanager
def second_interrupt_ends_at_once() -> Iterator[None]:
    """Let the first Ctrl-C end the work in order, and a second one the process, whatever it waits for.

    A signal that the process ignores stays ignored.
    """
    ordinary = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not ordinary or threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Treat SIGTERM, by which a scheduler ends a job, as Ctrl-C: workers end too, and locks are removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def outcome(*, done: bool, failed: bool) -> int:
    """Return the exit code of a run over cases: 0 all done, 1 some failed, 2 all failed."""
    return (1 if done else 2) if failed else 0


def _fail(error: UserError) -> int:
    logging.getLogger(plain_log.PACKAGE).error(f"error: {' '.join(str(error).split())}")
    return 2
