"""Training of the brain network: what the command leaves, and the same bits after an interruption."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from hifisyn.base import checkpoint
from hifisyn.brain_network import weights
from hifisyn.brain_training import batches, pretrain
from hifisyn.brain_training.batches import BrainBatches
from hifisyn.brain_training.loss import dice, losses
from hifisyn.brain_training.settings import BrainSettings
from hifisyn.cli.pretrain import main
from hifisyn.errors import FileError
from hifisyn.simulation.whole_head import WholeHead
from hifisyn.training import logbook
from tests.support.round_heads import write_map

SMALL = ["width=4", "kept=1", "every=2", "shortest=(24,24,24)", "longest=(24,32,24)"]
GREY = {"T1": 0.5, "T2": 1.5}


def toy_head(map_file, seed, number, shape, scans):
    """A ball somewhere, whose brightness tells the contrast, in a dim box."""
    rng = np.random.default_rng([seed, number])
    middle = np.array(shape) / 2 + rng.uniform(-3, 3, 3)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    brain = (np.linalg.norm(index - middle, axis=-1) < 8).astype(np.float32)
    names = [str(n) for n in rng.choice(list(GREY), scans)]
    images = [np.where(brain > 0, GREY[n], 0.8) + 0.05 * rng.random(shape) for n in names]
    for image in images:
        image[:3] = 0
    return WholeHead(np.array(images, dtype=np.float32), np.stack([brain] * scans), tuple(names))


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr(batches, "simulate_whole_head", toy_head)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    write_map(folder / "round.nii.gz")
    return folder


def run(folder, maps, *words, settings=SMALL):
    return main(
        ["--what", "mask", "--heads", str(maps), "-o", str(folder), "--device", "cpu", *words, "--set", *settings]
    )


def test_the_command_leaves_weights_settings_numbers_and_a_picture(tmp_path, maps):
    folder = tmp_path / "run"
    assert run(folder, maps, "--steps", "3") == 0
    assert json.loads((folder / "settings.json").read_text())["what"] == "mask"
    assert "loss/kept/mask" in (folder / "metrics.csv").read_text().split("\n")[0]
    read = weights.read(folder)
    assert read.card["step"] == 3
    assert not read.network.training
    assert [p.name for p in sorted((folder / "samples").iterdir())] == ["step_000002.png", "step_000003.png"]
    assert run(folder, maps, "--steps", "3", "--overwrite") == 0
    again = weights.read(folder).network.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in read.network.state_dict().items())


def test_a_stopped_training_ends_in_the_same_bits(tmp_path, maps, monkeypatch):
    assert run(tmp_path / "whole", maps, "--steps", "5") == 0
    read = BrainBatches.read

    def interrupted(self, step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(self, step)

    monkeypatch.setattr(BrainBatches, "read", interrupted)
    assert run(tmp_path / "cut", maps, "--steps", "5") == 128 + signal.SIGTERM
    assert torch.load(tmp_path / "cut" / checkpoint.LATEST, weights_only=True)["step"] == 3
    monkeypatch.setattr(BrainBatches, "read", read)
    assert run(tmp_path / "cut", maps, "--steps", "5", "--continue") == 0
    whole, cut = (weights.read(tmp_path / name).network.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_without_label_maps_or_from_another_training_it_is_refused(tmp_path, maps, capsys):
    assert main(["--what", "mask", "-o", str(tmp_path / "run"), "--steps", "1"]) == 2
    assert "a brain network needs label maps of whole heads" in capsys.readouterr().err
    assert run(tmp_path / "run", maps, "--steps", "1") == 0
    capsys.readouterr()
    assert run(tmp_path / "run", maps, "--steps", "1", "--continue", settings=[*SMALL, "gamma=0"]) == 2
    assert "settings must be as in" in capsys.readouterr().err


def test_weights_of_another_kind_or_changed_are_refused(tmp_path, maps):
    assert run(tmp_path / "run", maps, "--steps", "1") == 0
    file = tmp_path / "run" / weights.WEIGHTS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(FileError, match="must have the hash"):
        weights.read(file)
    with pytest.raises(FileError, match="does not exist"):
        weights.read(tmp_path / "nowhere")


def test_a_batch_is_a_function_of_seed_and_step(maps):
    settings = BrainSettings(shortest=(24, 24, 24), longest=(24, 32, 24), nothing=0.3)
    drawn = BrainBatches([maps / "round.nii.gz"], settings, 5)
    first, again = drawn.read(7), drawn.read(7)
    assert torch.equal(first.scans, again.scans)
    shown = torch.cat([batch.brain.flatten(1).any(dim=1) for batch in map(drawn.read, range(30))])
    assert 0.1 < 1 - shown.float().mean() < 0.5


def test_the_loss_of_the_truth_is_small():
    truth = torch.zeros(2, 1, 8, 8, 8)
    truth[0, :, 2:6, 2:6, 2:6] = 1
    terms = losses(40 * truth - 20, truth, 0.5)
    assert sum(float(t) for t in terms.values()) < 1e-4
    assert dice(truth, truth).tolist() == [1, 1]
    half = truth.clone()
    half[0, :, 4:] = 0
    assert dice(half, truth)[0] == pytest.approx(2 * 32 / (32 + 64), abs=0.01)


@pytest.mark.slow
def test_toys_are_learnt(tmp_path, maps):
    assert run(tmp_path / "run", maps, "--steps", "80", settings=[*SMALL, "every=80", "lr=0.01", "nothing=0.1"]) == 0
    network = weights.read(tmp_path / "run").network
    task = pretrain.BrainTask(
        BrainSettings(shortest=(24, 24, 24), longest=(24, 24, 24)), 9, [maps / "x"], torch.device("cpu")
    )
    assert task.validation.measure(task.validation.find(network, torch.device("cpu"))) < 0.1
