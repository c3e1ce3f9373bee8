"""A line for each piece of work that is done, with the time left; in long runs a line every few seconds."""

import sys
import time

EVERY_LINE = 200
SECONDS_BETWEEN = 5.0


class Progress:
    """Lines on stderr."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done, self.failed = title, total, 0, 0
        self._begun = time.monotonic()
        self._said = self._begun

    def step(self, name: str, *, failed: bool = False) -> None:
        """Say that a piece of work, such as a case, is done or failed."""
        self.done += 1
        self.failed += failed
        now = time.monotonic()
        if self.total > EVERY_LINE and self.done < self.total and now - self._said < SECONDS_BETWEEN:
            return
        self._said = now
        state = "failed" if failed else "done"
        if self.failed and self.total > EVERY_LINE:
            state += f", {self.failed} failed"
        line = f"{self.title} {self.done}/{self.total}: {name} {state}, {self._left(now)} left"
        print(line.strip(), file=sys.stderr, flush=True)

    def _left(self, now: float) -> str:
        seconds = round((now - self._begun) / self.done * (self.total - self.done))
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"
