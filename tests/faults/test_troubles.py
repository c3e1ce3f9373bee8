"""Troubles of the machine are not faults of a case, and the same command goes on when they are over."""

import errno
import io
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hifisyn.cli.entry import command
from hifisyn.dataset import Case
from hifisyn.engine import plain_log
from hifisyn.engine.ledger import DONE, FAILED, KILLED
from hifisyn.engine.subject import Task
from hifisyn.engine.sweep import Engine
from hifisyn.errors import PassingFileError, UserError
from hifisyn.networks.tensor_files import write_tensors

ROOT = Path(__file__).parents[2]
AWAY = {
    "memory": MemoryError(),
    "rights": PermissionError(errno.EACCES, "Permission denied", "/scans/a"),
    "disk away": OSError(errno.EIO, "Input/output error", "/scans/a"),
    "files": OSError(errno.EMFILE, "Too many open files"),
    "too large now": PassingFileError("a.nii", "must fit the memory"),
}
FULL = {
    code: OSError(code, os.strerror(code), "/out") for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
}
error_to_raise: BaseException | None = None


def step(key, case):
    if error_to_raise is not None:
        raise error_to_raise


def state(engine):
    entry = engine.ledger.entry("a", "step")
    return entry and entry.state


def swept(engine):
    return engine.sweep("step", step, [Task(Case("a", "a", {}), ("a",), {}, "config")])


@pytest.mark.parametrize("error", AWAY.values(), ids=AWAY)
def test_a_passing_trouble_is_tried_again_by_the_next_run(monkeypatch, error):
    monkeypatch.setattr(f"{__name__}.error_to_raise", error)
    engine = Engine(processes=0)
    assert [failure.case for failure in swept(engine)] == ["a"]
    assert state(engine) == KILLED
    monkeypatch.setattr(f"{__name__}.error_to_raise", None)
    assert swept(engine) == []
    assert state(engine) == DONE


def test_a_fault_of_a_case_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(f"{__name__}.error_to_raise", UserError("odd"))
    engine = Engine(processes=0)
    assert not swept(engine)[0].known
    assert state(engine) == FAILED
    monkeypatch.setattr(f"{__name__}.error_to_raise", None)
    assert swept(engine)[0].known


@pytest.mark.parametrize("error", FULL.values(), ids=map(errno.errorcode.get, FULL))
def test_a_full_disk_stops_the_run_and_blames_no_case(monkeypatch, capsys, error):
    monkeypatch.setattr(f"{__name__}.error_to_raise", error)
    engine = Engine(processes=0)
    with pytest.raises(OSError, match="/out"):
        swept(engine)
    assert engine.ledger.entry("a", "step") is None

    @command
    def main(arguments):
        swept(engine)

    assert main([]) == 2
    assert capsys.readouterr().err.startswith("error: /out cannot be written (got ")


def test_memory_that_does_not_suffice_is_one_line(capsys):
    @command
    def main(arguments):
        raise MemoryError("Unable to allocate 9 TiB")

    assert main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_full_disk_is_told_from_other_errors_of_torch(tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left") as error:
        write_tensors(tmp_path / "a.pt", {})
    assert error.value.filename == str(tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []


GOES_ON = """
import logging, sys, time
from pathlib import Path
from hifisyn.engine import plain_log
plain_log.install()
log = logging.getLogger("hifisyn")
log.info("first")
time.sleep(0.5)
for number in range(3):
    log.info("more")
    log.warning("warned")
Path(sys.argv[1]).touch()
"""


@pytest.mark.slow
def test_work_goes_on_when_nobody_reads_what_it_says(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", GOES_ON, str(tmp_path / "done")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == b"first\n"
    process.stdout.close()
    complaints = process.stderr.read()
    assert process.wait(60) == 0
    assert (tmp_path / "done").exists()
    assert complaints == b"warned\n" * 3


def test_what_a_terminal_cannot_write_is_escaped(monkeypatch):
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    plain_log.install("hifisyn_test")
    logging.getLogger("hifisyn_test").info("0.1 ± 0.2 M\udcfcller")
    ascii_only.seek(0)
    assert ascii_only.read() == "0.1 \\xb1 0.2 M\\udcfcller\n"


HANGS = """
import sys, time
from hifisyn.cli.entry import command
@command
def main(arguments):
    try:
        print("runs", flush=True)
        time.sleep(600)
    finally:
        print("ends", flush=True)
        time.sleep(600)
sys.exit(main([]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_second_interrupt_ends_at_once():
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in ("runs\n", "ends\n"):
        assert process.stdout.readline() == line
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT
    assert time.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_tests_can_be_interrupted_where_they_were_started_in_the_background():
    """A script that starts `make test` with & lets it ignore Ctrl-C; the tests set how they take it."""
    line = "import signal, tests.conftest; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    ignored = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731
    run = subprocess.run(
        [sys.executable, "-c", line], preexec_fn=ignored, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout == "True\n"
