import json
import os
import socket
import subprocess
import sys
import time

import pytest

from hifisyn.engine import ledger as ledgers
from hifisyn.engine import lock
from hifisyn.engine.digests import contents, digest, stamp
from hifisyn.engine.ledger import DONE, FAILED, Entry, Ledger
from hifisyn.errors import UserError


def entry(case="A", step="align", state=DONE, **values):
    return Entry(case, case, step, state, **values)


def latest(ledger, case="A"):
    found = ledger.entry(case, "align")
    assert found is not None
    return found


def test_what_is_recorded_is_read_by_the_next_run(tmp_path):
    full = entry(
        inputs="1", stamp="2", config="3", seconds=1.5, peak_mib=7, labels="manual", parts={"brain": 1.0}, facts=[1]
    )
    with Ledger.opened(tmp_path) as ledger:
        ledger.record(full)
        ledger.record(entry("B", state=FAILED, error="must be ü (got u)"))
    with Ledger.opened(tmp_path) as ledger:
        assert ledger.entry("A", "align") == full
        assert latest(ledger, "B").error == "must be ü (got u)"
        assert ledger.entry("A", "cut") is None
        assert sorted(e.case for e in ledger.entries("align")) == ["A", "B"]
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert lines[0]["when"].endswith("Z")
    assert lines[0]["version"]
    assert "error" not in lines[0]


def test_the_later_of_two_entries_counts_whichever_file_holds_it(tmp_path):
    with Ledger.opened(tmp_path, "shard_1_of_2") as ledger:
        ledger.record(entry(state=FAILED))
    with Ledger.opened(tmp_path) as ledger:
        assert latest(ledger).state == FAILED
        ledger.record(entry(seconds=2.0))
    with Ledger.opened(tmp_path, "shard_2_of_2") as ledger:
        assert latest(ledger).state == DONE


def test_a_clock_that_is_behind_does_not_bring_the_old_entry_back(tmp_path):
    ahead = entry(state=FAILED, when="2999-01-01T00:00:00.000Z")
    (tmp_path / "shard_1_of_2.jsonl").write_text(ahead.line())
    with Ledger.opened(tmp_path) as ledger:
        ledger.record(entry())
    with Ledger.opened(tmp_path) as ledger:
        assert latest(ledger).state == DONE


def test_a_torn_line_is_skipped_and_what_another_version_added(tmp_path):
    path = tmp_path / "all.jsonl"
    whole = entry("A", when="2026-01-01T00:00:00.000Z").line()
    later = json.dumps(json.loads(entry("B").line()) | {"novelty": 1}) + "\n"
    path.write_text(whole + "[]\nno json\n" + later + entry("C").line()[:30])
    with Ledger.opened(tmp_path) as ledger:
        assert sorted(e.case for e in ledger.entries()) == ["A", "B"]
        ledger.record(entry("C"))
    with Ledger.opened(tmp_path) as ledger:
        assert sorted(e.case for e in ledger.entries()) == ["A", "B", "C"]


def test_superseded_lines_are_dropped_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr(ledgers, "FEWEST_LINES_TO_COMPACT", 10)
    with Ledger.opened(tmp_path) as ledger:
        for seconds in range(12):
            ledger.record(entry("A", seconds=seconds))
        ledger.record(entry("B"))
    before = (tmp_path / "all.jsonl").read_text().splitlines()
    assert len(before) == 13
    with Ledger.opened(tmp_path) as ledger:
        assert latest(ledger).seconds == 11
    assert (tmp_path / "all.jsonl").read_text().splitlines() == before[-2:]


def test_a_ledger_without_a_file_knows_this_run():
    ledger = Ledger()
    ledger.record(entry(stamp="s", inputs="i"))
    assert ledger.inputs("A", "s") == "i"
    assert ledger.inputs("A", "other") == ledger.inputs("B", "s") == ""


HOLD = """
import sys, time
from pathlib import Path
from hifisyn.engine.lock import only_writer
with only_writer(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a lock."""
    started = []

    def start(writer):
        words = [sys.executable, "-c", HOLD, str(tmp_path), writer]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        with process:
            pass


def test_one_writer_a_file_and_shards_of_one_count_side_by_side(tmp_path, holder):
    process = holder("shard_1_of_2")
    for writer in ("shard_1_of_2", "all", "shard_1_of_3"):
        holder_name = f"held by process {process.pid} on {socket.gethostname()}"
        with pytest.raises(UserError, match=holder_name), Ledger.opened(tmp_path, writer):
            pass
    with Ledger.opened(tmp_path, "shard_2_of_2"):
        assert not lock.alone(tmp_path)
    process.kill()
    process.wait()
    with Ledger.opened(tmp_path):
        assert lock.alone(tmp_path)
    assert list(tmp_path.glob("*.lock")) == []


def test_a_number_used_again_by_another_process_is_no_holder(tmp_path):
    me = {"host": socket.gethostname(), "pid": os.getpid(), "began": "1"}
    (tmp_path / "all.lock").write_text(json.dumps(me))
    with Ledger.opened(tmp_path):
        pass


def test_a_lock_of_another_machine_holds_while_it_is_touched(tmp_path):
    path = tmp_path / "all.lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    with pytest.raises(UserError, match="process 1 on elsewhere"), Ledger.opened(tmp_path):
        pass
    assert path.exists()
    long_ago = time.time() - lock.DEAD_AFTER - 1
    os.utime(path, (long_ago, long_ago))
    with Ledger.opened(tmp_path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_the_lock_is_touched_while_its_holder_lives(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "TOUCHED_EVERY", 0.02)
    with Ledger.opened(tmp_path):
        path = tmp_path / "all.lock"
        os.utime(path, (0, 0))
        end = time.monotonic() + 5
        while path.stat().st_mtime < 1 and time.monotonic() < end:
            time.sleep(0.02)
        assert path.stat().st_mtime > 1


def test_stamps_change_with_place_size_and_time_and_contents_with_contents_alone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.write_text("same")
        os.utime(path, (5, 5))
    files = {"T1": one}
    first, held = stamp(files), contents(files)
    assert (stamp(files), contents(files)) == (first, held)
    assert stamp({"T1": two}) != first
    assert contents({"T1": two}) == held
    assert contents({"T2": one}) != held
    os.utime(one, (6, 6))
    assert stamp(files) != first
    assert contents(files) == held
    one.write_text("other")
    assert contents(files) != held
    one.unlink()
    assert stamp(files) != first
    assert contents(files) not in (held, "")


def test_of_a_file_in_an_archive_the_archive_is_looked_at_and_the_member_read(tmp_path):
    import zipfile

    def pack(moment, **members):
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        os.utime(tmp_path / "s.zip", (moment, moment))

    files = {"T1": tmp_path / "s.zip" / "a"}
    pack(5, a="1", b="2")
    first, held = stamp(files), contents(files)
    assert stamp({"T1": tmp_path / "s.zip" / "b"}) != first
    pack(5, a="1", b="longer")
    assert stamp(files) != first
    assert contents(files) == held
    pack(6, a="3", b="2")
    assert contents(files) != held


def test_a_digest_tells_parts_apart():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest({"a": 1, "b": (2, None)}) == digest({"b": [2, None], "a": 1})
