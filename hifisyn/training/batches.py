"""Batches by batchgenerators: batch t depends on seed, t and rank alone, however many processes read."""

import multiprocessing
import os
import queue
import signal
import threading
import traceback
from types import TracebackType

import torch
from batchgenerators.dataloading.data_loader import SlimDataLoaderBase
from batchgenerators.dataloading.multi_threaded_augmenter import MultiThreadedAugmenter
from batchgenerators.dataloading.single_threaded_augmenter import SingleThreadedAugmenter

from hifisyn.errors import UserError
from hifisyn.training.batch import Batch
from hifisyn.training.source import BatchSource, Item

TIME_LIMIT = 300.0


class BatchLoader(SlimDataLoaderBase):  # type: ignore[misc]  # batchgenerators has no types
    """Reads the batches of iteration start, start + 1, ... of a source; of w processes each reads every w-th."""

    def __init__(self, source: BatchSource, *, start: int = 0, workers: int = 0) -> None:
        super().__init__(None, 1, number_of_threads_in_multithreaded=max(workers, 1))
        self.source, self.iteration = source, start

    def set_thread_id(self, thread_id: int) -> None:
        """Called by batchgenerators in each reading process, before its first batch."""
        super().set_thread_id(thread_id)
        self.iteration += thread_id
        _follow_parent()

    def generate_train_batch(self) -> Item:
        """Return the next batch as arrays; an error becomes an item, so that its cause is not lost."""
        try:
            item = self.source.read(self.iteration)
        except UserError as error:
            item = {"user_error": error}
        except Exception:
            item = {"error": traceback.format_exc()}
        self.iteration += self.number_of_threads_in_multithreaded
        return item


class Batches:
    """Iterates over the batches of a loader; use it in a `with` statement.

    Args:
        loader: for as many `workers`.
        workers: reading processes; 0 reads in this one.
        time_limit: seconds without a batch after which the run stops with a message instead of hanging.
    """

    def __init__(self, loader: BatchLoader, workers: int = 0, time_limit: float = TIME_LIMIT) -> None:
        self._workers, self._time_limit = workers, time_limit
        self._expected = loader.iteration
        self._ready: queue.Queue[Item | BaseException] = queue.Queue(maxsize=2)
        self._closing = threading.Event()
        if workers == 0:
            self._inline = SingleThreadedAugmenter(loader, None)
            return
        self._augmenter = MultiThreadedAugmenter(loader, None, workers)
        self._augmenter.restart()
        self._thread = threading.Thread(target=self._fetch, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Batches":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        """Return the next batch.

        Raises:
            UserError: a slice is missing or broken, a reading process died, or none delivered in time.
        """
        item = self._take() if self._workers else next(self._inline)
        if "user_error" in item:
            raise item["user_error"]
        if "error" in item:
            raise RuntimeError(f"reading a batch failed:\n{item['error']}")
        if item["iteration"] != self._expected:
            raise RuntimeError(f"batch {self._expected} was due, {item['iteration']} came")
        self._expected += 1
        return Batch(
            {m: torch.from_numpy(a) for m, a in item["images"].items()},
            {m: None if a is None else torch.from_numpy(a) for m, a in item["labels"].items()},
            {m: torch.from_numpy(a) for m, a in item["subjects"].items()},
            item["iteration"],
            item["kind"],
            {m: torch.from_numpy(a) for m, a in item.get("clean", {}).items()},
        )

    def close(self) -> None:
        """End the reading processes."""
        self._closing.set()
        if self._workers:
            self._augmenter.abort_event.set()
            self._thread.join(timeout=30)

    def _take(self) -> Item:
        try:
            item = self._ready.get(timeout=self._time_limit)
        except queue.Empty:
            raise UserError(
                f"{self._workers} reading processes must deliver a batch within {self._time_limit:g} s",
                got="none: the disk is slow or a process is stuck",
                hint="try --workers 0",
            ) from None
        if isinstance(item, BaseException):
            raise UserError(
                f"one of {self._workers} reading processes died; memory may have run out",
                hint="close other programs, or try --workers 0",
            ) from item
        return item

    def _fetch(self) -> None:
        """Run in a thread: the augmenter's own wait has no time limit."""
        while not self._closing.is_set():
            try:
                item: Item | BaseException = next(self._augmenter)
            except BaseException as error:
                item = error
            while not self._closing.is_set():
                try:
                    self._ready.put(item, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return


def _follow_parent() -> None:
    """Leave signals to the parent, which finishes its step first, and end when the parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
