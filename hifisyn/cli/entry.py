"""How every command ends: a user's mistake is one line on stderr and exit code 2."""

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from hifisyn.errors import UserError


def command(function: Callable[[list[str] | None], int | None]) -> Callable[[list[str] | None], int]:
    """Turn a main function into a console command.

    UserError, missing permission and a full disk become one line and exit code 2, an interruption 130;
    anything else is our mistake and keeps its traceback.
    """

    @wraps(function)
    def main(arguments: list[str] | None = None) -> int:
        # OpenMP threads spin for milliseconds before they sleep, which slows them twofold beside another program;
        # sleeping at once costs as much on a quiet machine. Read when torch is imported, later than this.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
        try:
            return function(arguments) or 0
        except UserError as error:
            return _fail(str(error))
        except PermissionError as error:
            return _fail(f"{error.filename}: wanted permission to write or read, found none; choose another folder")
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            reason = os.strerror(error.errno)
            return _fail(f"{error.filename or 'output'}: wanted room to write, found none ({reason}); free some")
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130

    return main


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let the signal by which a scheduler ends a job end this run as Ctrl-C does: workers too, locks removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def outcome(*, done: bool, failed: bool) -> int:
    """Return the exit code of a run over cases: 0 all done, 1 some failed, 2 nothing came of it."""
    return (1 if done else 2) if failed else 0


def _fail(line: str) -> int:
    print(f"error: {' '.join(line.split())}", file=sys.stderr)
    return 2
