"""What the package logs as its users read it: bare lines on stdout, warnings on stderr."""

import errno
import logging
import os
import sys
from contextlib import suppress
from typing import TextIO

PACKAGE = "hifisyn"
GONE = (errno.EPIPE, errno.EIO)  # the reader of a pipe, and a terminal


class Plain(logging.Handler):
    """Writes each message as it is: to stdout, warnings and errors to stderr.

    The streams are looked up at each message, so that redirecting them later works. Where nobody reads a stream any
    more, as after `| head` or on a lost terminal, the work goes on without it.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of a record."""
        stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
        try:
            stream.write(_writable(self.format(record), stream) + "\n")
            stream.flush()
        except OSError as error:
            if error.errno not in GONE:
                self.handleError(record)
            _drop(stream)
        except Exception:
            self.handleError(record)


def _writable(text: str, stream: TextIO) -> str:
    """Return a text without what the terminal cannot write, such as names of files that are no text."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, errors="backslashreplace").decode(encoding)


def _drop(stream: TextIO) -> None:
    """Let what is still written to a stream vanish: hours of work do not end with the pager that looked at it."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def install(name: str = PACKAGE) -> None:
    """Write what the logger of this name and those below it log, from INFO on; calling it again changes nothing."""
    log = logging.getLogger(name)
    log.setLevel(logging.INFO)
    if not is_installed(name):
        log.addHandler(Plain())


def is_installed(name: str = PACKAGE) -> bool:
    """Return whether the logger of this name writes plain lines in this process."""
    return any(isinstance(handler, Plain) for handler in logging.getLogger(name).handlers)
