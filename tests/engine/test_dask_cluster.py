import pickle
import sys

import pytest

from hifisyn.cli.plan_and_preprocess import main
from hifisyn.engine import dask_cluster
from hifisyn.engine.jobs import KilledError
from hifisyn.errors import UserError
from tests.support.cohort_runs import differing, make, outputs, words
from tests.support.parallel_jobs import die, fail

distributed = pytest.importorskip("distributed")
QUIET = {"dashboard_address": ":0", "silence_logs": 50}


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers, each a process with one thread."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **QUIET) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes_as_one_process(address, tmp_path):
    make(tmp_path / "raw" / "TOY")
    assert main(words(tmp_path / "raw", tmp_path / "one")) == 0
    assert main(words(tmp_path / "raw", tmp_path / "two", "--scheduler", address)) == 0
    one, two = (outputs(tmp_path / name / "TOY") for name in ("one", "two"))
    assert differing(one, two) == []
    assert len(one) > 40


@pytest.mark.slow
def test_a_failing_job_and_a_killed_worker_are_isolated(address, tmp_path):
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), dask_cluster.scheduler(address) as executor:
        jobs = [(case, (tmp_path, case)) for case in ("bad1", "good1", "odd1", "good2", "good3", "good4", "good5")]
        found = {name: error for name, _, error in executor(fail, iter(jobs))}
        assert {name: type(error).__name__ for name, error in found.items() if error} == {
            "bad1": "UserError",
            "odd1": "ZeroDivisionError",
        }
        assert {path.name for path in tmp_path.iterdir()} == {name for name in found if name.startswith("good")}
        jobs = [(case, (tmp_path, case)) for case in ("first", "killed", "last")]
        found = {name: error for name, _, error in executor(die, iter(jobs))}
        assert isinstance(found["killed"], KilledError)
        assert found["killed"].what == "its worker was killed"
        assert {path.name for path in tmp_path.iterdir()} >= {name for name, error in found.items() if error is None}


def test_no_more_than_two_jobs_a_worker_are_under_way(address, tmp_path):
    drawn = []

    def jobs():
        for number in range(30):
            drawn.append(number)
            yield str(number), (number, 7)

    with dask_cluster.scheduler(address) as executor:
        most = 0
        for done, (name, value, error) in enumerate(executor(divmod, jobs()), start=1):
            assert error is None
            assert value == divmod(int(name), 7)
            most = max(most, len(drawn) - done)
    assert done == 30
    assert most <= 4


def test_workers_with_several_threads_are_refused(tmp_path, capsys):
    make(tmp_path / "raw" / "TOY", "AB")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **QUIET) as cluster:
        assert main(words(tmp_path / "raw", tmp_path, "--scheduler", cluster.scheduler_address)) == 2
    error = capsys.readouterr().err
    assert "must have one thread (got 2)" in error
    assert "--nthreads 1" in error


def test_workers_of_another_version_are_refused():
    with pytest.raises(dask_cluster.UnfitWorkerError) as error:
        dask_cluster._check_worker("w", 1, "1", "2")
    assert (error.value.what, error.value.got) == ("Dask worker w must run hifisyn 2", "1")
    assert pickle.loads(pickle.dumps(error.value)).what == error.value.what
    dask_cluster._check_worker("w", 1, "2", "2")


def test_without_dask_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    make(tmp_path / "raw" / "TOY", "AB")
    assert main(words(tmp_path / "raw", tmp_path, "--scheduler", "tcp://nowhere:1")) == 2
    assert 'pip install "hifisyn[cluster]"' in capsys.readouterr().err


def test_a_scheduler_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(UserError, match="no Dask scheduler answers at"), dask_cluster.scheduler("tcp://[::1]:1"):
        pass


def test_options_of_jobs_are_read_and_odd_ones_refused():
    assert dask_cluster.parse_options(["walltime=12:00:00", "cores=1", "job_name=a=b"]) == {
        "walltime": "12:00:00",
        "cores": 1,
        "job_name": "a=b",
    }
    for odd in ("walltime", "=3", "a b=1"):
        with pytest.raises(UserError, match="--jobqueue-option must be KEY=VALUE"):
            dask_cluster.parse_options([odd])


@pytest.mark.slow
def test_jobs_that_a_queue_starts_do_the_work(tmp_path):
    pytest.importorskip("dask_jobqueue")
    options = [f"local_directory={tmp_path}", f"log_directory={tmp_path}"]
    with dask_cluster.jobqueue("local", 1, options) as executor:
        assert [(name, value) for name, value, _ in executor(divmod, iter([("a", (7, 2))]))] == [("a", (3, 1))]


@pytest.mark.parametrize(
    ("option", "words"),
    [("novelty=1", "novelty"), ("cores=4", "as many processes as cores"), ("cores", "KEY=VALUE")],
)
def test_options_that_cannot_be_met_are_refused(option, words):
    pytest.importorskip("dask_jobqueue")
    with pytest.raises(UserError, match=words), dask_cluster.jobqueue("local", 1, [option]):
        pass


@pytest.mark.slow
def test_a_machine_that_cannot_send_jobs_is_refused(monkeypatch):
    pytest.importorskip("dask_jobqueue")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="needs the program sbatch"), dask_cluster.jobqueue("slurm", 1):
        pass
