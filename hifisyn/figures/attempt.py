"""Failures of figures are isolated: what cannot be drawn is logged and left out."""

import logging
from collections.abc import Callable
from typing import TypeVar

from hifisyn.engine.jobs import one_line

log = logging.getLogger(__name__)
T = TypeVar("T")


def attempt(make: Callable[[], T], name: str) -> T | None:
    """Return the result; none, and a line in the log, where it fails: failures are isolated per figure."""
    try:
        return make()
    except Exception as error:
        log.info(f"{name}: left out: {one_line(error)}")
        return None
