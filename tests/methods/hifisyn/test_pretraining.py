"""HiFi-Syn's networks, pre-trained on simulated heads: what a run learns, leaves, and how a training starts from it."""

# mypy: no-check-untyped-defs
import os
import signal

import numpy as np
import pytest
import torch

from hifisyn.base import checkpoint, heads
from hifisyn.base.contrasts import TARGETS
from hifisyn.cli.pretrain import main
from hifisyn.errors import FileError, UserError
from hifisyn.methods.hifisyn.pretraining import batches, validation
from hifisyn.methods.hifisyn.pretraining.settings import LABELS, PretrainSettings
from hifisyn.methods.hifisyn.pretraining.task import PretrainTask
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.methods.hifisyn.translator import HiFiSynTranslator
from hifisyn.planning.planner import complete
from hifisyn.training import logbook, networks_file
from hifisyn.training.pretrained import Pretrained, adopt_sizes, find_checkpoint
from hifisyn.training.request import Request, look_up
from tests.base.test_pretrain import same
from tests.methods.hifisyn.test_hifisyn import make_plans
from tests.support.base_toys import toy_heads, toy_simulation
from tests.support.training_toys import toy_dataset

SMALL = {"width": 4, "n_down": 1, "content_blocks": 1, "value_width": 4, "global_slots": 3, "batch_size": 2}
TOY = [*(f"{key}={value}" for key, value in SMALL.items()), "heads=4", "kept=1", "size=24", "every=2"]
CPU = torch.device("cpu")


@pytest.fixture
def toys(monkeypatch):
    monkeypatch.setattr(heads, "simulate_head", toy_simulation)
    monkeypatch.setattr(logbook, "draw", lambda *args: None)
    monkeypatch.setattr(validation.Validation, "draw", lambda *args: None)


def run(folder, *words):
    given = ["-tr", "HiFiSyn", "-o", str(folder), "-np", "1", "--device", "cpu", *words, "--set", *TOY]
    return main(given)


def new_task(tmp_path, **settings):
    drawn = toy_heads(tmp_path / "heads")
    return PretrainTask(PretrainSettings(**SMALL | settings), 0, drawn, drawn, CPU)


def learn(pretraining, steps, lr=5e-3):
    optimizer = torch.optim.AdamW(pretraining.network.parameters(), lr=lr)
    losses = []
    for step in steps:
        terms = pretraining.losses(step)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        pretraining.after_step()
        losses.append({name: term.item() for name, term in terms.items()})
    return losses


def mean(losses, name):
    return np.mean([step[name] for step in losses])


@pytest.mark.slow
def test_translations_come_true_and_contents_of_a_slice_come_together(tmp_path):
    pretraining = new_task(tmp_path)
    before = pretraining.look().numbers
    losses = learn(pretraining, range(120))
    for name in ("translation", "reconstruction", "content"):
        assert mean(losses[-20:], name) < 0.7 * mean(losses[:20], name), name
    after = pretraining.look().numbers
    assert len(after) == 18
    rises = [after[name] - before[name] for name in after if name.endswith("/correlation")]
    assert np.mean(rises) > 0.2


def test_the_bank_is_filled_by_exact_labels_of_all_contrasts(tmp_path):
    pretraining = new_task(tmp_path)
    learn(pretraining, range(6))
    bank = pretraining.network.memory_bank
    there = {LABELS[name] for name in ("background", "CSF", "GM", "WM")} | {-1}  # toys have no lesion
    for contrast in TARGETS:
        known = bank.tables[contrast].known
        assert set(bank.slot_class[known].tolist()) == there


def test_no_discriminator_is_there_and_every_weight_is_moved(tmp_path):
    pretraining = new_task(tmp_path)
    before = {name: p.detach().clone() for name, p in pretraining.network.named_parameters()}
    learn(pretraining, range(4))
    assert {name.split(".")[0] for name in before} == {"content_encoder", "attribute_encoder", "generator"}
    assert [name for name, p in pretraining.network.named_parameters() if torch.equal(p, before[name])] == []


def test_a_batch_is_of_one_slice_in_all_contrasts_with_its_window(tmp_path):
    drawn = toy_heads(tmp_path)
    told = batches.HeadBatches(drawn, PretrainSettings(**SMALL, told=1, noise=0, margin=2), 0).read(3)
    again = batches.HeadBatches(drawn, PretrainSettings(**SMALL, told=1, noise=0, margin=2), 0).read(3)
    for contrast in TARGETS:
        image, truth = told.seen.images[contrast], told.truths[contrast]
        assert torch.equal(image, again.seen.images[contrast])
        assert torch.equal(image > -1, told.brain)
        assert all(side % batches.MULTIPLE == 0 for side in image.shape[-2:])
        assert float((image - truth).abs()[told.brain].mean()) < 0.05  # the same window
    untold = batches.HeadBatches(drawn, PretrainSettings(**SMALL, told=0, noise=0, gamma=1), 0).read(3)
    off = [float((untold.seen.images[m] - untold.truths[m]).abs()[untold.brain].mean()) for m in TARGETS]
    assert max(off) > 0.1


def test_a_window_goes_beyond_the_slice_and_loses_no_brain():
    brain = np.zeros((2, 20, 30), bool)
    brain[0, 0:3, 5:29] = True
    rows, columns = batches._window(brain, np.random.default_rng(0), 6)
    cut = batches._cut(brain[0], rows, columns, 0)
    assert cut.sum() == brain[0].sum()
    assert cut.shape == (rows[1] - rows[0], columns[1] - columns[0])


@pytest.mark.slow
def test_a_stopped_training_ends_in_the_same_bits(tmp_path, toys, monkeypatch):
    assert run(tmp_path / "whole", "--steps", "5") == 0
    read = batches.HeadBatches.read

    def interrupted(own, step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return read(own, step)

    monkeypatch.setattr(batches.HeadBatches, "read", interrupted)
    assert run(tmp_path / "cut", "--steps", "5") == 128 + signal.SIGTERM
    monkeypatch.setattr(batches.HeadBatches, "read", read)
    assert run(tmp_path / "cut", "--steps", "5", "--continue") == 0
    one, other = (torch.load(tmp_path / n / checkpoint.LATEST, weights_only=True) for n in ("whole", "cut"))
    assert one["step"] == 5
    assert same(one, other)
    first, second = (networks_file.read(tmp_path / n / networks_file.NETWORKS)[0] for n in ("whole", "cut"))
    assert same(first, second)


@pytest.mark.slow
def test_a_training_starts_from_what_a_pre_training_left(tmp_path, toys):
    assert run(tmp_path / "start", "--steps", "3") == 0
    start = Pretrained.read(find_checkpoint(tmp_path / "start", "TOY", 0))
    plans = make_plans()
    own = complete(adopt_sizes(plans.model_copy(update={"modalities": ("FLAIR", "T1")}), start), HiFiSyn)
    assert own.settings["networks"]["upsampling"] == "4x4"
    assert own.settings["memory"]["foreign"] == ["lesion"]
    trainer = HiFiSyn(own, ("FLAIR", "T1"))
    fresh, left = start.put_into(trainer.networks)
    trainer.started()
    kept = {name.split(".")[0] for name in fresh}
    assert kept == {"image_discriminator", "content_discriminator", "memory_bank"}
    assert [name for name in fresh if name.startswith("memory_bank")] == ["memory_bank.slot_class"]
    assert {name for name in left if "T2" not in name} == {"memory_bank.slot_class"}
    tensors, written = networks_file.read(tmp_path / "start" / networks_file.NETWORKS)
    pretraining = PretrainTask(PretrainSettings(**SMALL), 1, *(2 * [toy_heads(tmp_path / "own")]), CPU)
    pretraining.network.load_state_dict(tensors)
    image = torch.rand(1, 1, 16, 16) * 2 - 1
    with torch.inference_mode():
        expected = HiFiSynTranslator(pretraining.network.eval(), "T1", "FLAIR")(image)
        found = trainer.train(False).translate(image, "T1", "FLAIR")
    torch.testing.assert_close(found, expected)
    assert written.method == "HiFiSyn"


@pytest.mark.slow
def test_the_command_line_finds_what_a_pre_training_left(tmp_path, toys):
    assert run(tmp_path / "start", "--steps", "2") == 0
    roots = toy_dataset(tmp_path)
    job, lines = look_up(Request("TOY", ("T1", "T2"), 0, roots=roots, pretrained=tmp_path / "start"))
    assert (job.plans.settings["networks"]["upsampling"], job.plans.settings["memory"]["value_width"]) == ("4x4", 4)
    assert any("started from" in line and networks_file.NETWORKS in line for line in lines)
    tensors, _ = networks_file.read(tmp_path / "start" / networks_file.NETWORKS)
    own = job.new_trainer(CPU).networks.state_dict()
    for name in ("content_encoder.shared.branch.1.weight", "memory_bank.keys", "running_code.codes.T2.mean"):
        torch.testing.assert_close(own[name], tensors[name])


def test_counts_and_flags_keep_their_type_in_the_file(tmp_path):
    pretraining = new_task(tmp_path)
    learn(pretraining, range(2))
    pretraining.network.memory_bank.key_updates.fill_(100_001)
    pretraining.write(tmp_path / "networks.safetensors", {})
    tensors, _ = networks_file.read(tmp_path / "networks.safetensors")
    assert (tensors["memory_bank.key_updates"] == 100_001).all()
    assert tensors["memory_bank.tables.T1.known"].dtype == torch.bool


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"no weights")
    with pytest.raises(FileError, match="must be weights of format"):
        networks_file.read(file)
    with pytest.raises(UserError, match="--pretrained"):
        Pretrained.read(file)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-tr", "CycleGAN"], "-tr must be HiFiSyn"),
        (["-tr", "HiFiSyn", "--what", "mask"], "--what mask must be without -tr"),
    ],
)
def test_what_cannot_be_pre_trained_is_told(tmp_path, capsys, words, message):
    assert main(["-o", str(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err
