"""The same work on a Dask cluster: one that runs already, or jobs that a scheduler such as SLURM starts.

Dask is imported only when a cluster is requested.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from shutil import which
from typing import Any

from hifisyn import __version__
from hifisyn.engine import plain_log
from hifisyn.engine.jobs import Executor, KilledError, NamedArguments, Outcome, limit_threads
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
    LOCAL: "local.LocalCluster",  # processes of this machine instead of jobs, to try a set-up
}
IN_FLIGHT_A_WORKER = 2
SECONDS_TO_CONNECT = 60
JOB = {"cores": 1, "processes": 1, "memory": "4GB"}


@contextmanager
def scheduler(address: str) -> Iterator[Executor]:
    """Yield an executor on the workers of a Dask scheduler, such as tcp://node1:8786.

    Raises:
        UserError: Dask is not installed, nothing answers there, or its workers cannot be used.
    """
    distributed = _imported("distributed")
    try:
        client = distributed.Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        hint = "start one with: dask scheduler"
        raise UserError(f"no Dask scheduler answers at --scheduler {address}", got=_line(error), hint=hint) from None
    with client:
        _check_workers(client)
        yield partial(on_workers, client=client)


@contextmanager
def jobqueue(kind: str, jobs: int, options: Sequence[str] = ()) -> Iterator[Executor]:
    """Start jobs of one process and one thread each, yield an executor on them, and end them.

    Args:
        kind: of KINDS.
        jobs: how many run at a time.
        options: KEY=VALUE of dask_jobqueue's class, such as walltime=12:00:00, queue=long, memory=6GB.

    Raises:
        UserError: dask-jobqueue is not installed, or does not take an option.
    """
    distributed = _imported("distributed")
    *place, name = KINDS[kind].split(".")
    make = getattr(_imported(".".join(["dask_jobqueue", *place])), name)
    settings = _job_settings(kind, options)
    submit = (make.job_cls.submit_command or "").partition(" ")[0]
    if submit and not which(submit):
        raise UserError(f"--dask-jobqueue {kind} needs the program {submit}", hint="run on a machine that has it")
    try:
        cluster = make(**settings)
    except (TypeError, ValueError, FileNotFoundError, RuntimeError) as error:
        raise UserError(
            f"--dask-jobqueue {kind} failed to start with these options",
            got=_line(error),
            hint="change --jobqueue-option",
        ) from None
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        cluster.scale(jobs=jobs)
        yield partial(on_workers, client=client)


def _job_settings(kind: str, options: Sequence[str]) -> dict[str, Any]:
    prologue = {} if kind == LOCAL else {"job_script_prologue": [f"export {name}=1" for name in THREAD_VARIABLES]}
    settings = JOB | prologue | parse_options(options)
    cores, processes = settings["cores"], settings["processes"]
    if cores != processes:
        raise UserError(
            "--jobqueue-option: a job must have as many processes as cores",
            got=f"{processes} processes on {cores} cores",
            hint="set both, as in cores=4 processes=4",
        )
    return settings


def parse_options(options: Sequence[str]) -> dict[str, Any]:
    """Read KEY=VALUE texts; whole numbers become numbers.

    >>> parse_options(["queue=long", "cores=1"])
    {'queue': 'long', 'cores': 1}
    """
    odd = [option for option in options if not option.partition("=")[0].isidentifier() or "=" not in option]
    if odd:
        raise UserError("--jobqueue-option must be KEY=VALUE such as walltime=12:00:00", got=odd[0])
    pairs = (option.split("=", 1) for option in options)
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


def on_workers(function: Callable[..., Any], jobs: Iterable[NamedArguments], *, client: Any) -> Iterator[Outcome]:
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
                future = client.submit(
                    _on_worker, function, job[1], __version__, plain=plain_log.is_installed(), pure=False
                )
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
    """Return the value of a job that has ended, and its error.

    Raises:
        UnfitWorkerError: its worker cannot be used.
    """
    error = future.exception()
    if error is None:
        return future.result(), None
    if isinstance(error, UnfitWorkerError):
        raise error
    if type(error).__name__ in ("KilledWorker", "CancelledError", "FutureCancelledError"):
        hint = "run again with more memory a worker"
        return None, KilledError("its worker was killed", got=_line(error), hint=hint)
    return None, error


class UnfitWorkerError(UserError):
    """A worker that cannot be used."""


def _on_worker(function: Callable[..., Any], arguments: tuple[Any, ...], version: str, *, plain: bool) -> Any:
    from distributed import get_worker

    worker = get_worker()
    _check_worker(worker.address, worker.state.nthreads, __version__, version)
    if plain:
        plain_log.install()
    return limit_threads(function, arguments)


def _check_workers(client: Any) -> None:
    threads = client.nthreads()
    for address, version in client.run(_version).items():
        _check_worker(address, threads[address], version, __version__)


def _version() -> str:
    return __version__


def _check_worker(address: str, threads: int, version: str, ours: str) -> None:
    # With several threads, jobs share libraries that are not safe to share.
    if threads != 1:
        hint = "start workers with --nthreads 1 and more of them with --nworkers"
        raise UnfitWorkerError(f"Dask worker {address} must have one thread", got=threads, hint=hint)
    if version != ours:
        hint = "install the same version everywhere"
        raise UnfitWorkerError(f"Dask worker {address} must run hifisyn {ours}", got=version, hint=hint)


def _imported(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0].replace("_", "-")
        raise UserError(f"a cluster needs {package}", hint='install it with: pip install "hifisyn[cluster]"') from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
