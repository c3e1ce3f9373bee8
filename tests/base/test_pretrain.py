import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch

from hifisyn.base import checkpoint, heads, pretrain, weights
from hifisyn.base.contrasts import TARGETS
from hifisyn.base.translate import BaseModel
from hifisyn.cli.pretrain import main
from hifisyn.errors import FileError
from hifisyn.training import logbook
from tests.support.base_toys import toy_head, toy_simulation

pytestmark = pytest.mark.slow
SMALL = ["width=4", "heads=4", "kept=1", "size=24", "every=2", "batch_size=2"]


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr(heads, "simulate_head", toy_simulation)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)
    monkeypatch.setattr(pretrain.Validation, "draw", lambda *args: None)


def run(folder, *words, settings=SMALL):
    return main(["-o", str(folder), "-np", "1", "--device", "cpu", *words, "--set", *settings])


def state(folder):
    return torch.load(folder / checkpoint.LATEST, weights_only=True)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one if key != "seconds")
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_the_command_leaves_weights_settings_and_numbers(tmp_path):
    assert run(tmp_path / "run", "--steps", "3") == 0
    folder = tmp_path / "run"
    written = json.loads((folder / "settings.json").read_text())
    assert (written["settings"]["steps"], written["settings"]["inputs"]["untold"]) == (3, 0.3)
    assert (folder / "metrics.csv").read_text().splitlines()[0].count("/ssim_brain") == 6
    assert (folder / "base.safetensors.sha256").read_text().split()[0] == BaseModel.load(folder).sha256
    assert weights.read(folder).card["step"] == 3


def test_bfloat16_learns_as_single_precision_does(tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        assert run(tmp_path / precision, "--steps", "4", settings=[*SMALL, f"precision={precision}"]) == 0
        rows = (tmp_path / precision / "metrics.csv").read_text().splitlines()
        losses[precision] = [float(v) for v in rows[-1].split(",")[2:4]]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.02)


def test_a_stopped_training_ends_in_the_same_bits(tmp_path, monkeypatch):
    assert run(tmp_path / "whole", "--steps", "5") == 0
    read = pretrain.Batches.read

    def interrupted(batches, step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(batches, step)

    monkeypatch.setattr(pretrain.Batches, "read", interrupted)
    assert run(tmp_path / "cut", "--steps", "5") == 128 + signal.SIGTERM
    assert state(tmp_path / "cut")["step"] == 3
    monkeypatch.setattr(pretrain.Batches, "read", read)
    assert run(tmp_path / "cut", "--steps", "5", "--continue") == 0
    assert same(state(tmp_path / "whole"), state(tmp_path / "cut"))
    names = ["whole", "cut"]
    assert len({weights.read(tmp_path / name).card["step"] for name in names}) == 1
    first, second = (weights.read(tmp_path / name).network.state_dict() for name in names)
    assert same(dict(first), dict(second))


def test_heads_are_made_once(tmp_path, monkeypatch):
    made = []

    def counted(map_file, seed, number, size, **ablations):
        made.append(number)
        return toy_simulation(map_file, seed, number, size)

    monkeypatch.setattr(heads, "simulate_head", counted)
    shared = ["--simulated", str(tmp_path / "heads"), "--steps", "1"]
    assert run(tmp_path / "one", *shared) == 0
    (tmp_path / "heads" / "slices" / "head_00002.json").unlink()  # as if the process had been killed
    assert run(tmp_path / "two", *shared) == 0
    assert made == [0, 1, 2, 3, 2]


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (["--steps", "2"], SMALL, "already holds a training"),
        (["--steps", "2", "--continue", "--seed", "1"], SMALL, "seed must be as in"),
        (["--steps", "2", "--continue"], [*SMALL, "lr=1"], "settings must be as in"),
        (["--steps", "2", "--overwrite", "--seed", "1"], SMALL, "must hold heads of this seed"),
        (["--steps", "2", "--overwrite"], ["lerning=1"], "--set must name a key"),
        (["--steps", "2", "--overwrite"], ["lr=-1"], "lr must be greater than 0"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, settings, message):
    assert run(tmp_path / "run", "--steps", "2") == 0
    capsys.readouterr()
    assert run(tmp_path / "run", *words, settings=settings) == 2
    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1


def test_changed_or_foreign_weights_are_refused(tmp_path):
    assert run(tmp_path / "run", "--steps", "1") == 0
    file = tmp_path / "run" / weights.WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(FileError, match="must have the hash"):
        BaseModel.load(file)
    alone = tmp_path / "other.safetensors"
    alone.write_bytes(b"no weights")
    with pytest.raises(FileError, match="must be weights of format"):
        BaseModel.load(alone)
    with pytest.raises(FileError, match="does not exist"):
        BaseModel.load(tmp_path / "nowhere")


def test_toys_are_learnt(tmp_path):
    assert run(tmp_path / "run", "--steps", "250", settings=[*SMALL, "width=8", "every=250", "batch_size=4"]) == 0
    model, head = BaseModel.load(tmp_path / "run"), toy_head(77)
    shutil.rmtree(tmp_path / "run" / "heads")
    for given in (["T1"], ["FLAIR"], ["T2", "PD"]):
        found = model.translate({name: head.images[name] for name in given}, 2.0)
        for target in TARGETS:
            image, scale = found[target]
            assert np.abs(image - head.targets[target])[head.brain].mean() < 0.15
            assert 0 < scale[head.brain].mean() < 0.4
            assert (image[~head.brain] == -1).all()
