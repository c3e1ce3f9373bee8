"""Notes Ctrl-C, SIGTERM and a lost terminal, so that the step in progress is finished and saved."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# SIGHUP, of a lost terminal, is not on Windows.
CAUGHT = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class Interrupts:
    """While entered, the first of CAUGHT is noted; a second one acts at once, as usual.

    A signal that the process ignores stays ignored, as Ctrl-C does in the processes of a pool.

    Attributes:
        signal: number of the signal that came; 0 if none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in CAUGHT if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._put_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
