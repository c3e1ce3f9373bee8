"""One function over many cases, in processes, with progress; failures are isolated per case."""

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from hifisyn.engine.jobs import Failure, one_line
from hifisyn.engine.processes import Processes
from hifisyn.engine.progress import Progress
from hifisyn.engine.resources import workers_that_fit
from hifisyn.errors import UserError
from hifisyn.troubles import is_disk_full

log = logging.getLogger(__name__)


def run_cases(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], *, processes: int | None = None, title: str = ""
) -> list[Failure]:
    """Call `function(*jobs[case])` for each case; see `map_cases`.

    Returns:
        The cases that failed, in the order of `jobs`.
    """
    return map_cases(function, jobs, processes=processes, title=title)[1]


def map_cases(
    function: Callable[..., Any], jobs: Mapping[str, tuple[Any, ...]], *, processes: int | None = None, title: str = ""
) -> tuple[dict[str, Any], list[Failure]]:
    """Return `function(*jobs[case])` by case, and the cases that failed.

    No more jobs than processes are under way, so memory does not grow with the number of cases. With one process or
    fewer everything runs in this one. Where a process is killed, the cases that were under way run again, each alone.

    Args:
        function: importable by name, since processes are spawned; what it returns is sent back, so keep that small.
        jobs: arguments by case.
        processes: at a time; none: as many as fit.
        title: in front of the progress lines.
    """
    progress = Progress(title, len(jobs))
    results: dict[str, Any] = {}
    failures: dict[str, Failure] = {}
    with Processes() as workers:
        executor = workers.executor(min(workers_that_fit(processes), len(jobs)))
        for case, value, error in executor(function, jobs.items()):
            if error is not None and is_disk_full(error):
                raise error
            if error is None:
                results[case] = value
            else:
                failures[case] = Failure(case, one_line(error))
                if not isinstance(error, UserError):
                    log.error("".join(traceback.format_exception(error)).rstrip())
            progress.step(case, failed=error is not None)
    return {c: results[c] for c in jobs if c in results}, [failures[c] for c in jobs if c in failures]
