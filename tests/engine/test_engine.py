import os
import time

import numpy as np
import pytest

from hifisyn.dataset import TISSUES, Case, Dataset
from hifisyn.engine import progress as progressing
from hifisyn.engine.cost import measured
from hifisyn.engine.digests import digest
from hifisyn.engine.ledger import DONE, FAILED, KILLED, Entry, Ledger
from hifisyn.engine.processes import Processes
from hifisyn.engine.progress import Progress
from hifisyn.engine.resources import GIB_A_WORKER
from hifisyn.engine.shard import Shard
from hifisyn.engine.subject import Task
from hifisyn.engine.sweep import Engine, _peak_gib
from hifisyn.errors import UserError
from tests.support.engine_jobs import copy, unusable


@pytest.fixture
def cohort(tmp_path):
    """Two subjects, the first with two cases."""
    raw = tmp_path / "raw"
    raw.mkdir()
    cases = {}
    for name, subject in (("A1", "A"), ("B1", "B"), ("A2", "A")):
        path = raw / f"{name}_T1.nii.gz"
        path.write_text(f"scan {name}")
        cases[name] = Case(name, subject, {"T1": path})
    return cases


@pytest.fixture
def sweep(cohort, tmp_path):
    """Run a step over the cohort as a new process would, which returns failures and cases worked on; and the ledger."""
    out = tmp_path / "out"
    out.mkdir()

    entries: dict[str, Entry] = {}

    def run(function=copy, config="1", processes=1, retry_failed=False, **task):
        (out / "log").unlink(missing_ok=True)
        tasks = [
            Task(case, (out, case), case.files, digest(config), out / f"{case.name}.out", **task)
            for case in cohort.values()
        ]
        with Ledger.opened(tmp_path / "ledger") as ledger, Processes() as workers:
            engine = Engine(ledger, processes, None, retry_failed, workers)
            failures = engine.sweep("copy", function, tasks)
            entries.update({entry.case: entry for entry in ledger.entries("copy")})
        log = out / "log"
        return failures, sorted(log.read_text().split()) if log.exists() else []

    return run, entries


def path_of(cohort, case):
    return cohort[case].images["T1"]


@pytest.fixture
def nothing_is_read(monkeypatch):
    def use():
        monkeypatch.setattr("hifisyn.engine.subject.contents", lambda files: pytest.fail(f"read {files}"))

    return use


def test_what_is_done_is_neither_done_again_nor_read(sweep, cohort, nothing_is_read):
    run, entries = sweep
    assert run() == ([], ["A1", "A2", "B1"])
    entry = entries["A1"]
    assert (entry.subject, entry.state, entry.labels, entry.parts) == ("A", DONE, "computed", {"first": 0.25})
    assert entry.facts == {"length": len("scan A1")}
    assert entry.seconds is not None
    assert entry.peak_mib > 5
    nothing_is_read()
    assert run() == ([], [])


def test_what_changed_is_done_again_and_nothing_else(sweep, cohort, tmp_path):
    run, _ = sweep
    run()
    path_of(cohort, "A2").write_text("another")
    assert run() == ([], ["A2"])
    (tmp_path / "out" / "B1.out").unlink()
    assert run() == ([], ["B1"])
    assert run(config="2") == ([], ["A1", "A2", "B1"])
    assert run(config="2", force=True) == ([], ["A1", "A2", "B1"])
    assert run(config="2") == ([], [])


def test_a_file_that_only_looks_changed_is_read_once_and_the_work_stands(sweep, cohort, nothing_is_read):
    run, entries = sweep
    run()
    before = entries["A1"]
    os.utime(path_of(cohort, "A1"), (5, 5))
    assert run() == ([], [])
    after = entries["A1"]
    assert after.stamp != before.stamp
    assert (after.inputs, after.seconds, after.facts) == (before.inputs, before.seconds, before.facts)
    nothing_is_read()
    assert run() == ([], [])


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failing_case_leaves_the_others_of_its_subject(sweep, cohort, processes, caplog):
    run, entries = sweep
    path_of(cohort, "A1").write_text("bad")
    path_of(cohort, "B1").write_text("odd")
    failures, _ = run(processes=processes)
    assert [(f.case, f.step, f.known) for f in failures] == [("A1", "copy", False), ("B1", "copy", False)]
    assert failures[0].reason == f"{path_of(cohort, 'A1')} must be good (got bad)"
    assert failures[1].reason.startswith("ZeroDivisionError: in ")
    assert entries["A2"].state == DONE
    assert "in copy" in caplog.text


def test_an_error_that_meets_all_cases_shows_its_trace_a_few_times_only(sweep, cohort, caplog, monkeypatch):
    run, _ = sweep
    monkeypatch.setattr("hifisyn.engine.sweep.TRACES_SHOWN", 2)
    for case in cohort:
        path_of(cohort, case).write_text("odd")
    assert len(run()[0]) == 3
    assert caplog.text.count("Traceback") == 2


def test_what_failed_is_reported_again_but_tried_again_only_on_request_or_after_a_change(sweep, cohort):
    run, _ = sweep
    path_of(cohort, "A1").write_text("bad")
    first, _ = run()
    failures, worked = run()
    assert worked == []
    assert [(f.case, f.reason, f.known) for f in failures] == [("A1", first[0].reason, True)]
    os.utime(path_of(cohort, "A1"), (5, 5))
    failures, worked = run()
    assert worked == []
    assert failures[0].known
    assert run(retry_failed=True)[1] == ["A1"]
    path_of(cohort, "A1").write_text("good")
    assert run() == ([], ["A1"])


def test_a_case_found_unusable_has_failed_but_what_was_found_is_kept(sweep):
    run, entries = sweep
    failures, _ = run(unusable)
    assert {f.reason for f in failures} == {"it is no head"}
    assert entries["A1"].state == FAILED
    assert entries["A1"].facts == [1, 2]


def test_a_killed_process_loses_one_case_which_is_tried_again(sweep, cohort):
    run, entries = sweep
    path_of(cohort, "A2").write_text("kill")
    failures, _ = run(processes=2)
    assert [f.case for f in failures] == ["A2"]
    assert "its process was killed" in failures[0].reason
    assert {case: entry.state for case, entry in entries.items()} == {"A1": DONE, "A2": KILLED, "B1": DONE}
    path_of(cohort, "A2").write_text("good")
    assert run(processes=2) == ([], ["A2"])


def test_paths_of_private_data_are_not_shown(sweep, cohort, tmp_path, capfd, caplog):
    run, _ = sweep
    path_of(cohort, "A1").write_text("bad")
    path_of(cohort, "B1").write_text("odd")
    failures, _ = run(private=True)
    shown = [
        *(f.reason for f in failures),
        (tmp_path / "ledger" / "all.jsonl").read_text(),
        *capfd.readouterr(),
        caplog.text,
    ]
    assert not any(str(tmp_path / "raw") in text or "_T1.nii.gz" in text for text in shown)
    assert failures[0].reason == "A1_T1 must be good (got bad)"


def test_shards_cover_every_subject_once_whatever_else_there_is():
    shards = [Shard.parse(f"{number}/7") for number in range(1, 8)]
    subjects = [f"S{number}" for number in range(2000)]
    holders = [[shard.number for shard in shards if shard.holds(subject)] for subject in subjects]
    assert all(len(found) == 1 for found in holders)
    sizes = np.bincount([found[0] for found in holders])[1:]
    assert sizes.min() > 0.75 * 2000 / 7
    cases = {name: Case(name, name[0], {}) for name in ("A1", "A2", "B1")}
    whole = Dataset("X", ("T1",), TISSUES, cases, {"A3": Case("A3", "A", {})})
    parts = [shard.part(whole) for shard in shards]
    assert sorted(name for part in parts for name in part.all_cases) == ["A1", "A2", "A3", "B1"]
    assert {frozenset(part.all_cases) for part in parts} <= {
        frozenset(),
        frozenset({"A1", "A2", "A3"}),
        frozenset({"B1"}),
    }


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UserError, match="--shard must be a number and a count"):
        Shard.parse(text)


def test_the_peak_is_that_of_the_work_alone():
    with measured() as small:
        time.sleep(0.05)
    with measured() as large:
        block = np.ones(2**24)
        del block
    with measured() as again:
        pass
    assert small.seconds == pytest.approx(0.05, abs=0.04)
    assert large.peak_mib - small.peak_mib == pytest.approx(128, abs=30)
    assert again.peak_mib < large.peak_mib - 60


def test_the_memory_of_a_worker_is_learnt_from_the_ledger(sweep):
    run, entries = sweep
    run()
    ledger = Ledger()
    for number in range(20):
        entry = entries["A1"]
        ledger.record(type(entry)(f"c{number}", "s", "align", DONE, peak_mib=1024 * (9 if number == 19 else 3)))
        if number == 0:
            assert _peak_gib(ledger, "align") is None
    assert _peak_gib(ledger, "align") == 3
    assert _peak_gib(ledger, "cut") is None
    assert GIB_A_WORKER > 0


def test_long_runs_log_a_line_every_few_seconds_and_the_last_one(caplog, monkeypatch):
    caplog.set_level("INFO", logger="hifisyn")
    now = [0.0]
    monkeypatch.setattr(progressing.time, "monotonic", lambda: now[0])
    progress = Progress("align", 1000)
    for number in range(1000):
        now[0] += 7.2
        progress.step(f"c{number}", failed=number == 3)
    lines = list(caplog.messages)
    caplog.clear()
    assert len(lines) == 1000
    assert lines[0] == "align 1/1000: c0 done, 1 h 59 min left"
    assert lines[-1] == "align 1000/1000: c999 done, 1 failed, 0 s left"
    progress = Progress("align", 1000)
    for number in range(1000):
        now[0] += 0.1
        progress.step(f"c{number}")
    assert 15 <= len(caplog.messages) <= 22


def test_a_remark_is_logged_in_long_runs_too(caplog):
    caplog.set_level("INFO", logger="hifisyn")
    progress = Progress("", 1000)
    progress.step("a")
    progress.step("b", remark="stripped already")
    assert [line.split(",")[:2] for line in caplog.messages] == [["2/1000: b done", " stripped already"]]
