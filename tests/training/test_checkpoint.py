import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.errors import UserError
from hifisyn.training import checkpoint
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.step import take_step
from tests.support.training_toys import Toy, toy_job, toy_plans


@pytest.fixture
def trained(tmp_path):
    job = toy_job(tmp_path)
    trainer = job.new_trainer(torch.device("cpu")).train()
    optimizers = trainer.optimizers()
    batches = Batches(BatchLoader(job.source()))
    for _ in range(4):
        take_step(trainer, optimizers, next(batches), seed=job.seed)
    return job, trainer, optimizers, batches


def flat(trainer):
    return {k: v.clone() for k, v in trainer.networks.state_dict().items()}


def test_what_was_saved_comes_back_and_training_goes_on_alike(trained, tmp_path):
    job, trainer, optimizers, batches = trained
    path = tmp_path / "c.pt"
    checkpoint.save(path, trainer, optimizers=optimizers, progress={"iteration": 4})
    content = torch.load(path, weights_only=True)
    assert content["progress"] == {"iteration": 4}
    assert content["domains"] == ["T1", "T2"]
    assert content["plans"]["dataset"] == "TOY"
    other = job.new_trainer(torch.device("cpu")).train()
    other_optimizers = other.optimizers()
    checkpoint.restore(checkpoint.load(path), other, other_optimizers)
    assert flat(other)["bank.count"] == 2
    for _ in range(2):
        batch = next(batches)
        take_step(trainer, optimizers, batch, seed=job.seed)
        take_step(other, other_optimizers, batch, seed=job.seed)
    assert all(torch.equal(v, flat(other)[k]) for k, v in flat(trainer).items())


def test_random_states_come_back(trained, tmp_path):
    _, trainer, _, _ = trained
    checkpoint.save(tmp_path / "c.pt", trainer)

    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    drawn = draw()
    checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), trainer)
    assert draw() != drawn
    checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), trainer, randomness=True)
    assert draw() == drawn


def test_a_failed_write_leaves_the_old_checkpoint(trained, tmp_path, monkeypatch):
    _, trainer, _, _ = trained
    path = tmp_path / "c.pt"
    checkpoint.save(path, trainer, progress={"iteration": 1})

    def half(content, file):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(path, trainer, progress={"iteration": 2})
    assert checkpoint.load(path)["progress"] == {"iteration": 1}
    assert [f.name for f in tmp_path.glob("*") if "partial" in f.name] == []


class Evil:
    def __reduce__(self):
        return print, ("pwned",)


def broken_files(folder):
    (folder / "text.pt").write_text("no checkpoint")
    (folder / "empty.pt").write_bytes(b"")
    with (folder / "pickle.pt").open("wb") as file:
        pickle.dump(Evil(), file)
    torch.save({"format": 2, "networks": Evil()}, folder / "evil.pt")
    torch.save({"format": 1}, folder / "earlier.pt")
    torch.save([1], folder / "list.pt")
    torch.save({"format": 2, "networks": {}}, folder / "short.pt")
    short = (folder / "short.pt").read_bytes()
    (folder / "short.pt").write_bytes(short[: len(short) // 2])
    return ["text", "empty", "pickle", "evil", "earlier", "list", "short", "missing"]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, capsys):
    for name in broken_files(tmp_path):
        with pytest.raises(UserError, match=r"must be a checkpoint|does not exist") as error:
            checkpoint.load(tmp_path / f"{name}.pt")
        assert len(str(error.value).splitlines()) == 1
    assert "pwned" not in capsys.readouterr().out


def test_weights_of_other_networks_are_refused(trained, tmp_path):
    _, trainer, _, _ = trained
    checkpoint.save(tmp_path / "c.pt", trainer)

    class Wider(Toy):
        def build_networks(self):
            networks = super().build_networks()
            networks.generator["T1"] = nn.Conv2d(1, 1, 1)
            return networks

    other = Wider(toy_plans(Wider), ("T1", "T2"))
    with pytest.raises(UserError, match=r"the weights must fit the networks of Wider .*generator\.T1"):
        checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), other)


def test_the_hash_follows_the_plans():
    assert checkpoint.plans_hash(toy_plans()) == checkpoint.plans_hash(toy_plans())
    assert checkpoint.plans_hash(toy_plans()) != checkpoint.plans_hash(toy_plans(lr=1e-3))
