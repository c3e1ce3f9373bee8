"""How every command ends: a user's mistake is one line on stderr and exit code 2."""

import errno
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from hifisyn.engine import plain_log
from hifisyn.errors import UserError


def command(function: Callable[[list[str] | None], int | None]) -> Callable[[list[str] | None], int]:
    """Turn a main function into a console command.

    UserError, missing permission and a full disk become one line and exit code 2, an interruption 130; any other
    exception is a bug and keeps its traceback.
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
            return function(arguments) or 0
        except UserError as error:
            return _fail(error)
        except PermissionError as error:
            return _fail(UserError(f"no permission to read or write {error.filename}", hint="choose another folder"))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise
            what = f"{error.filename or 'the output'} cannot be written"
            return _fail(UserError(what, got=os.strerror(error.errno).lower(), hint="free some space"))
        except KeyboardInterrupt:
            logging.getLogger(plain_log.PACKAGE).warning("interrupted")
            return 130

    return main


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
