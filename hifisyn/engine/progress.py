"""Progress of a long run: a line for each piece of work that ends, with the time left."""

import logging
import math
import time

EVERY_LINE = 200
SECONDS_BETWEEN = 5.0
UNITS = ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s"))

log = logging.getLogger(__name__)


class Progress:
    """Logs a line for each piece of work that ends; in runs of many pieces, one every few seconds.

    Args:
        title: what is done, in front of each line; may be empty.
        total: pieces of work.
    """

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.failed = title, total, 0, 0
        self._began = self._last_line = time.monotonic()

    def step(self, name: str, *, failed: bool = False, remark: str = "") -> None:
        """Count a piece of work, such as a case, as done or failed; one with a remark always gets its line."""
        self.done += 1
        self.failed += failed
        now = time.monotonic()
        many = self.total > EVERY_LINE
        if many and not remark and self.done < self.total and now - self._last_line < SECONDS_BETWEEN:
            return
        self._last_line = now
        state = [f"{name} {'failed' if failed else 'done'}"]
        state += [remark] if remark else []
        state += [f"{self.failed} failed"] if self.failed and many else []
        state.append(f"{duration((now - self._began) / self.done * (self.total - self.done))} left")
        log.info(f"{self.title} {self.done}/{self.total}: {', '.join(state)}".strip())


def duration(seconds: float) -> str:
    """Return a duration in the two largest units that it has.

    >>> duration(4), duration(75), duration(4000), duration(400000)
    ('4 s', '1 min 15 s', '1 h 6 min', '4 d 15 h')
    """
    if not math.isfinite(seconds):
        return "unknown"
    whole = round(seconds)
    for unit, part, name, part_name in UNITS:
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // part} {part_name}"
    return f"{whole} s"
