"""The same work on a Dask cluster: one that runs already, or jobs that a scheduler such as SLURM starts.

Nothing of Dask is imported before a cluster is asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from shutil import which
from typing import Any

from hifisyn import __version__
from hifisyn.engine.jobs import Executor, Job, KilledError, PreparedDataset, single_threaded
from hifisyn.engine.processes import THREAD_VARIABLES
from hifisyn.errors import UserError

LOCAL = "local"
KINDS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    LOCAL: "local.LocalCluster",  # processes of this machine in the place of jobs: to try a set-up
}
IN_FLIGHT_A_WORKER = 2
SECONDS_TO_CONNECT = 60
JOB = {"cores": 1, "processes": 1, "memory": "4GB"}


@contextmanager
def scheduler(address: str) -> Iterator[Executor]:
    """Yield what runs jobs on the workers of a Dask scheduler, such as tcp://node1:8786.

    Raises:
        UserError: Dask is not installed, nothing answers there, or its workers cannot be used.
    """
    distributed = _imported("distributed")
    try:
        client = distributed.Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(
            f"--scheduler {address}: wanted a Dask scheduler, found none ({_line(error)}); "
            "start one with dask scheduler"
        ) from None
    with client:
        _refuse_unfit(client)
        yield partial(on_workers, client=client)


@contextmanager
def jobqueue(kind: str, jobs: int, options: Sequence[str] = ()) -> Iterator[Executor]:
    """Start so many jobs of one process and one thread each, yield what runs on them, and end them.

    Args:
        kind: of KINDS.
        jobs: that run at a time.
        options: KEY=VALUE of dask_jobqueue's class, such as walltime=12:00:00, queue=long, memory=6GB.

    Raises:
        UserError: dask-jobqueue is not installed, or does not take an option.
    """
    distributed = _imported("distributed")
    *place, name = KINDS[kind].split(".")
    make = getattr(_imported(".".join(["dask_jobqueue", *place])), name)
    prologue = {} if kind == LOCAL else {"job_script_prologue": [f"export {name}=1" for name in THREAD_VARIABLES]}
    wanted = JOB | prologue | parsed(options)
    if wanted["cores"] != wanted["processes"]:
        raise UserError(
            f"--jobqueue-option: wanted as many processes as cores, found {wanted['processes']} and {wanted['cores']}; "
            "a subject takes one"
        )
    submit = (make.job_cls.submit_command or "").partition(" ")[0]
    if submit and not which(submit):
        raise UserError(f"--dask-jobqueue {kind}: wanted {submit} on this machine, found none; run where jobs are sent")
    try:
        cluster = make(**wanted)
    except (TypeError, ValueError, FileNotFoundError, RuntimeError) as error:
        raise UserError(f"--dask-jobqueue {kind}: wanted options that it takes, found {_line(error)}") from None
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        cluster.scale(jobs=jobs)
        yield partial(on_workers, client=client)


def parsed(options: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE texts; whole numbers become numbers.

    >>> parsed(["queue=long", "cores=1"])
    {'queue': 'long', 'cores': 1}
    """
    odd = [option for option in options if not option.partition("=")[0].isidentifier() or "=" not in option]
    if odd:
        raise UserError(f"--jobqueue-option: wanted KEY=VALUE such as walltime=12:00:00, found {odd[0]}")
    pairs = (option.split("=", 1) for option in options)
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


def on_workers(function: Callable[..., Any], jobs: Iterable[Job], *, client: Any) -> Iterator[PreparedDataset]:
    """Run jobs on the workers, two a worker under way; see `jobs.Executor`."""
    distributed = _imported("distributed")
    jobs = iter(jobs)
    running: dict[str, tuple[Any, str]] = {}
    done = distributed.as_completed(loop=client.loop)
    try:
        while True:
            while len(running) < IN_FLIGHT_A_WORKER * max(1, len(client.nthreads())):
                job = next(jobs, None)
                if job is None:
                    break
                future = client.submit(_on_worker, function, job[1], __version__, pure=False)
                running[future.key] = (future, job[0])
                done.add(future)
            if not running:
                return
            finished = next(done)
            _, name = running.pop(finished.key)
            yield name, *_value(finished)
            finished.release()
    finally:
        client.cancel([future for future, _ in running.values()])


def _value(future: Any) -> tuple[Any, BaseException | None]:
    """Return what a job that has ended gave, and its error.

    Raises:
        UserError: its worker cannot be used.
    """
    error = future.exception()
    if error is None:
        return future.result(), None
    if isinstance(error, UnfitError):
        raise UserError(str(error))
    if type(error).__name__ in ("KilledWorker", "CancelledError", "FutureCancelledError"):
        return None, KilledError(f"its worker was killed ({_line(error)}); run again with more memory a worker")
    return None, error


class UnfitError(Exception):
    """A worker that came later cannot be used."""


def _on_worker(function: Callable[..., Any], arguments: tuple[Any, ...], version: str) -> Any:
    from distributed import get_worker

    found = {"version": __version__, "threads": get_worker().state.nthreads}
    if problem := _problem(get_worker().address, found, version):
        raise UnfitError(problem)
    return single_threaded(function, arguments)


def _refuse_unfit(client: Any) -> None:
    threads = client.nthreads()
    for address, found in client.run(_version).items():
        if problem := _problem(address, {"version": found, "threads": threads[address]}, __version__):
            raise UserError(problem)


def _version() -> str:
    return __version__


def _problem(worker: str, found: Mapping[str, Any], version: str) -> str:
    if found["threads"] != 1:
        return (
            f"Dask worker {worker}: wanted one thread, found {found['threads']}, which would share one library that "
            "cannot; start workers with --nthreads 1 and more of them with --nworkers"
        )
    if found["version"] != version:
        return f"Dask worker {worker}: wanted hifisyn {version}, found {found['version']}; install the same everywhere"
    return ""


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise UserError(
            f'wanted {name.replace("_", "-")} for work on a cluster, found none; pip install "hifisyn[cluster]"'
        ) from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
