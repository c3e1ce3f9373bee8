import pytest

from hifisyn.preprocessing.parallel import run_cases
from tests.parallel_jobs import die, fail, leave_mark


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failing_case_costs_no_other(processes, tmp_path):
    cases = ["bad1", "good1", "odd1", "good2"]
    failures = run_cases(fail, {case: (tmp_path, case) for case in cases}, processes=processes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good1", "good2"]
    assert [(f.case, f.reason) for f in failures] == [
        ("bad1", "bad1: wanted good, found bad"),
        ("odd1", "ZeroDivisionError: no message"),
    ]


def test_spawned_processes_use_one_thread_each(tmp_path):
    run_cases(leave_mark, {case: (tmp_path, case) for case in "ab"}, processes=2)
    assert {p.read_text() for p in tmp_path.iterdir()} == {"1"}


def test_a_killed_process_is_named_with_advice(tmp_path):
    failures = run_cases(die, {case: (tmp_path, case) for case in ("killed", "other")}, processes=2)
    assert "killed" in {f.case for f in failures}
    assert all("GiB of memory free" in f.reason and "-np 1" in f.reason for f in failures)


def test_progress_tells_the_time_left(tmp_path, capsys):
    run_cases(leave_mark, {case: (tmp_path, case) for case in "ab"}, processes=1, title="marking")
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("marking 1/2: a done, ")
    assert last == "marking 2/2: b done, 0 min 00 s left"
