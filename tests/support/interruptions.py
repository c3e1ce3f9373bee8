"""Ctrl-C at a line that a run logs."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class _Interrupt(logging.Handler):
    def __init__(self, start: str) -> None:
        super().__init__()
        self.start = start

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self.start):
            signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupted_at(start: str) -> Iterator[None]:
    """Interrupt this process at each logged line that begins with `start`."""
    handler, log = _Interrupt(start), logging.getLogger("hifisyn")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
