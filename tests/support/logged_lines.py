"""What the package logs within a `with` statement, for fixtures that caplog does not reach."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def logged_lines() -> Iterator[list[str]]:
    """Yield the list that every logged line is added to."""
    log, collector = logging.getLogger("hifisyn"), _Collector()
    level = log.level
    log.setLevel(logging.INFO)
    log.addHandler(collector)
    try:
        yield collector.lines
    finally:
        log.removeHandler(collector)
        log.setLevel(level)
