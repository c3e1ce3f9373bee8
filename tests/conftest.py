"""One thread everywhere: sums over threads round differently, and tests compare bits between processes.

Started in the background, a process ignores Ctrl-C; tests that interrupt must not.
"""

import os
import signal

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def no_pictures(monkeypatch):
    """Draw nothing while a training goes on."""
    from hifisyn.training import logbook, loop, summary

    monkeypatch.setattr(loop, "write_sheets", lambda *args: None)
    monkeypatch.setattr(summary, "write_sheets", lambda *args: None)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)
