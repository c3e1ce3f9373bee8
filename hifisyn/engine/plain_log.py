"""What the package logs as its users read it: bare lines on stdout, warnings on stderr."""

import logging
import sys

PACKAGE = "hifisyn"


class Plain(logging.Handler):
    """Writes each message as it is: to stdout, warnings and errors to stderr.

    The streams are looked up at each message, so that redirecting them later works.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of a record."""
        try:
            stream = sys.stderr if record.levelno >= logging.WARNING else sys.stdout
            stream.write(self.format(record) + "\n")
            stream.flush()
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)


def install(name: str = PACKAGE) -> None:
    """Write what the logger of this name and those below it log, from INFO on; calling it again changes nothing."""
    log = logging.getLogger(name)
    log.setLevel(logging.INFO)
    if not is_installed(name):
        log.addHandler(Plain())


def is_installed(name: str = PACKAGE) -> bool:
    """Return whether the logger of this name writes plain lines in this process."""
    return any(isinstance(handler, Plain) for handler in logging.getLogger(name).handlers)
