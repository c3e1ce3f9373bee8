"""Prediction in several processes: a killed one loses no case that can be done, and Ctrl-C leaves none behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.inference.test_predict import make_model, names, predict, save_scan
from tests.support.predict_toys import MARKS, Deadly, Sleepy

SECONDS_TO_START, SECONDS_TO_END = 90, 15


@pytest.fixture
def raw(tmp_path):
    for number, name in enumerate("abc"):
        save_scan(tmp_path / "raw" / f"{name}_T1.nii.gz", seed=number)
    return tmp_path / "raw"


@pytest.fixture
def marks(tmp_path, monkeypatch):
    """A folder that the processes write into."""
    folder = tmp_path / "marks"
    folder.mkdir()
    monkeypatch.setenv(MARKS, str(folder))
    return folder


def group_exists(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_killed_process_loses_no_case_that_can_be_done(raw, marks, tmp_path, capsys):
    model = make_model(tmp_path / "results", "T1", "T2", trainer=Deadly)
    assert predict(raw, tmp_path / "synth", model, "-np", "2") == 0
    assert names(marks) == ["died"]
    assert [name for name in names(tmp_path / "synth") if name.endswith(".json")] == [f"{c}_T2.json" for c in "abc"]
    assert "3 volumes written, 0 failed" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are looked at")
def test_an_interruption_ends_all_processes_at_once(raw, marks, tmp_path):
    model = make_model(tmp_path / "results", "T1", "T2", trainer=Sleepy)
    words = ["-i", str(raw), "-o", str(tmp_path / "synth"), "--model", str(model), "--device", "cpu", "-np", "2"]
    line = f"import sys; from hifisyn.cli.predict import main; sys.exit(main({words!r}))"
    with subprocess.Popen([sys.executable, "-c", line], start_new_session=True, stderr=subprocess.PIPE) as run:
        end = time.monotonic() + SECONDS_TO_START
        while not list(marks.iterdir()) and time.monotonic() < end:
            time.sleep(0.1)
        assert names(marks)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
        assert run.wait(SECONDS_TO_END) == 130
    end = time.monotonic() + SECONDS_TO_END
    while group_exists(run.pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not group_exists(run.pid)
    assert list((tmp_path / "synth").rglob("*.nii.gz")) == []
