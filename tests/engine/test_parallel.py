import logging
import multiprocessing
import time

import pytest

from hifisyn import memory
from hifisyn.engine import plain_log, resources
from hifisyn.engine.parallel import map_cases, run_cases
from hifisyn.engine.processes import Processes
from tests.support.parallel_jobs import die, fail, leave_mark, log_start


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failing_case_leaves_the_others(processes, tmp_path):
    cases = ["bad1", "good1", "odd1", "good2"]
    failures = run_cases(fail, {case: (tmp_path, case) for case in cases}, processes=processes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good1", "good2"]
    assert [(f.case, f.reason) for f in failures] == [
        ("bad1", "bad1 must be good (got bad)"),
        ("odd1", "ZeroDivisionError: no message"),
    ]


def test_spawned_processes_use_one_thread_each(tmp_path):
    run_cases(leave_mark, {case: (tmp_path, case) for case in "ab"}, processes=2)
    assert {p.read_text() for p in tmp_path.iterdir()} == {"1"}


def test_processes_may_have_several_threads(tmp_path):
    with Processes(threads=3) as workers:
        list(workers.run(leave_mark, [("a", (tmp_path, "a"))], processes=1))
    assert (tmp_path / "a").read_text() == "3"


@pytest.mark.parametrize("command", [True, False])
def test_processes_write_what_is_logged_as_a_command_does_and_else_nothing(command, monkeypatch, capfd):
    monkeypatch.setattr(logging.getLogger("hifisyn"), "handlers", [plain_log.Plain()] if command else [])
    with Processes() as workers:
        list(workers.run(log_start, [("a", ("a",))], processes=1))
    assert capfd.readouterr().out == ("started a\n" if command else "")


def test_only_the_case_whose_process_is_killed_is_lost(tmp_path):
    cases = ["first", "killed", "other", "last"]
    failures = run_cases(die, {case: (tmp_path, case) for case in cases}, processes=2)
    assert [f.case for f in failures] == ["killed"]
    assert "its process was killed" in failures[0].reason
    assert "GiB of memory free" in failures[0].reason
    assert "-np 1" in failures[0].reason
    assert {p.name for p in tmp_path.iterdir()} == {"first", "other", "last"}


def test_an_interruption_ends_the_processes_at_once():
    def interrupt():
        with Processes() as workers:
            for _ in workers.run(time.sleep, [("short", (0,)), ("long", (60,))], processes=2):
                raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert time.monotonic() - began < 30
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("processes", [0, 2])
def test_results_come_in_the_order_of_the_jobs(processes):
    results, failures = map_cases(divmod, {"a": (7, 2), "z": (1, 0), "b": (9, 4)}, processes=processes)
    assert list(results.items()) == [("a", (3, 1)), ("b", (2, 1))]
    assert [f.case for f in failures] == ["z"]
    assert failures[0].reason.startswith("ZeroDivisionError: ")


def test_an_unforeseen_error_shows_where_it_came_from(tmp_path, caplog):
    run_cases(fail, {"odd": (tmp_path, "odd")}, processes=1)
    assert "in fail" in caplog.text


def test_workers_go_by_cpus_and_memory_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(resources.os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert resources.workers_that_fit(5) == 5
    assert resources.workers_that_fit() == 1
    (tmp_path / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable: 41943040 kB\n")
    assert resources.workers_that_fit(gib_each=4) == 10
    (tmp_path / "memory.max").write_text(f"{24 * 2**30}\n")
    (tmp_path / "memory.current").write_text(f"{4 * 2**30}\n")
    assert resources.workers_that_fit(gib_each=4) == 5
    (tmp_path / "cpu.max").write_text("300000 100000\n")
    assert resources.workers_that_fit(gib_each=4) == 3
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert resources.allowed_cpus() == 16


def test_progress_has_the_time_left(tmp_path, caplog):
    caplog.set_level("INFO", logger="hifisyn")
    run_cases(leave_mark, {case: (tmp_path, case) for case in "ab"}, processes=1, title="marking")
    first, last = caplog.messages
    assert first.startswith("marking 1/2: a done, ")
    assert last == "marking 2/2: b done, 0 s left"
