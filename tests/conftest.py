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
os.environ.update(hifisyn_methods="tests")


@pytest.fixture
def no_pictures(monkeypatch):
    """Draw nothing while a training goes on."""
    from hifisyn.training import logbook, loop, summary

    monkeypatch.setattr(loop, "write_sheets", lambda *args: None)
    monkeypatch.setattr(summary, "write_sheets", lambda *args: None)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)


@pytest.fixture(autouse=True, scope="session")
def no_base_model_beside():
    """Evaluate trained models and baselines alone, which is quicker; tests of the base model's rows put it back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hifisyn.evaluation.base_rows.installed", lambda: None)
        yield
