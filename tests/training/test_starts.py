"""How a training starts and goes on: from weights of another one, and for longer than it was planned for."""

# mypy: no-check-untyped-defs
import json
from dataclasses import replace

import pytest
import torch

from hifisyn.cli.train import main
from hifisyn.errors import UserError
from hifisyn.methods.cosmos.trainer import COSMOS
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.methods.stargan_v2.trainer import StarGANv2
from hifisyn.plans import Plans
from hifisyn.training import checkpoint, model_folder
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from hifisyn.training.pretrained import Pretrained, adopt_sizes, find_checkpoint
from hifisyn.training.request import Request, look_up
from tests.support.training_toys import LABELS, Toy, toy_dataset, toy_job, toy_plans

pytestmark = pytest.mark.usefixtures("no_pictures")

TOY = ["-tr", "tests.support.training_toys:Toy", "--device", "cpu", "--iterations", "4"]
CPU = torch.device("cpu")
QUIET = Options(device="cpu")


@pytest.fixture
def roots(tmp_path):
    return toy_dataset(tmp_path, Toy)


def run(roots, *words):
    flags = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    return main([*words, *(str(flag) for flag in flags)])


def fold_folder(roots):
    return roots.results / "TOY" / "T1_T2" / "Toy__plans__2d__iterations=4" / "fold_0"


def weights_of(roots, *words):
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, *words) == 0
    return checkpoint.load(fold_folder(roots) / checkpoint.FINAL)["networks"]


@pytest.mark.slow
def test_more_epochs_on_a_finished_fold_go_on_in_the_same_folder(roots, capsys):
    weights_of(roots, "--epochs", "2")
    first = checkpoint.load(fold_folder(roots) / checkpoint.LATEST)
    weights_of(roots, "--epochs", "3")
    out = capsys.readouterr().out
    assert "resumed after step 8 of 12" in out
    assert "planned for 2 epochs before, now for 3; learning rates go on from those of 3: generator" in out
    latest = checkpoint.load(fold_folder(roots) / checkpoint.LATEST)
    assert first["progress"]["epoch"] == 2
    assert latest["progress"]["epoch"] == 3
    assert len(latest["progress"]["rows"]) == 3
    assert latest["progress"]["rows"][:2] == first["progress"]["rows"]
    assert json.loads((fold_folder(roots) / "config.json").read_text())["epochs"] == 3
    assert Plans.load(fold_folder(roots).parent / "plans.json").length.epochs == 3
    assert [path.name for path in fold_folder(roots).parent.parent.iterdir()] == [fold_folder(roots).parent.name]


@pytest.mark.slow
def test_a_longer_run_with_a_constant_rate_ends_where_an_uninterrupted_one_does(tmp_path):
    """The rate is constant to the end, so that the length of the run decides nothing else."""
    whole, parts = (toy_dataset(tmp_path / name, Toy) for name in ("whole", "parts"))
    constant = ["--set", "decay_from=1"]
    name = "Toy__plans__2d__decay_from=1.0__iterations=4"
    for roots, lengths in ((whole, ["3"]), (parts, ["1", "2", "3"])):
        for epochs in lengths:
            assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, *constant, "--epochs", epochs) == 0
    one, other = (
        checkpoint.load(roots.results / "TOY" / "T1_T2" / name / "fold_0" / checkpoint.FINAL)["networks"]
        for roots in (whole, parts)
    )
    assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())


def test_equal_or_fewer_epochs_on_a_finished_fold_are_refused(roots, capsys):
    weights_of(roots, "--epochs", "2")
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, "--epochs", "2") == 2
    assert "go on with --resume, or start again with --overwrite" in capsys.readouterr().err
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, "--epochs", "1", "--resume") == 2
    assert "--epochs must be at least 2, which are done in" in capsys.readouterr().err


@pytest.mark.slow
def test_a_training_starts_from_the_weights_of_another(roots, capsys):
    trained = weights_of(roots, "--epochs", "2")
    model = fold_folder(roots).parent
    start = Pretrained.read(find_checkpoint(model, "TOY", 0))
    request = Request("TOY", ("T1", "T2"), 0, TOY[1], pretrained=model, roots=roots)
    job, remarks = look_up(request)
    assert "pretrained=" in job.folder.parent.name
    fresh = job.new_trainer(CPU).networks.state_dict()
    best = checkpoint.load(model / "fold_0" / checkpoint.BEST)["networks"]
    assert all(torch.equal(tensor, best[key]) for key, tensor in fresh.items())
    assert set(fresh) == set(trained) == set(start.weights)
    assert remarks[0].endswith(f"{len(fresh)} of {len(fresh)} weights and buffers")
    assert len(remarks) == 1
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, "--epochs", "1", "--pretrained", str(model)) == 0
    assert "started from" in capsys.readouterr().out


def hifisyn_start(tmp_path, labels=LABELS, slots=None, **changes):
    """Save a HiFi-Syn that saw no training; return the start and its trainer."""
    plans = toy_plans(HiFiSyn, **changes)
    memory = plans.settings["memory"] | ({"slots": slots} if slots else {})
    plans = plans.model_copy(update={"labels": labels, "settings": plans.settings | {"memory": memory}})
    torch.manual_seed(1)
    trainer = HiFiSyn(plans, ("T1", "T2"))
    for table in trainer.networks.memory_bank.tables.values():
        table.known.fill_(True)
    checkpoint.save(tmp_path / "start.pt", trainer)
    return Pretrained.read(tmp_path / "start.pt"), trainer


def test_another_contrast_keeps_all_that_bears_no_other_name(tmp_path):
    start, first = hifisyn_start(tmp_path)
    plans = toy_plans(HiFiSyn, domains=("FLAIR", "T1"))
    torch.manual_seed(2)
    second = HiFiSyn(plans, ("FLAIR", "T1"))
    fresh, left = start.put_into(second.networks)
    own, given = second.networks.state_dict(), first.networks.state_dict()
    kept = own.keys() - set(fresh)
    assert all(torch.equal(own[name], given[name]) for name in kept)
    assert any(name.startswith("content_encoder.shared") for name in kept)
    assert "memory_bank.keys" in kept
    assert any(".T1." in name for name in kept)
    named = [name for name in fresh if not name.endswith("slot_class")]
    assert named
    assert all(".FLAIR." in name or "content_discriminator.last" in name for name in named)
    assert all(".T2." in name for name in left if not name.endswith("slot_class"))
    text = " ".join(start.remarks(HiFiSyn, plans, ("FLAIR", "T1")))
    assert "fresh: " in text
    assert "not taken: " in text


def test_a_plan_that_starts_from_weights_takes_over_their_sizes_and_maps_labels_by_name(tmp_path):
    labels = {"background": 0, "WM": 1, "CSF": 5, "lesion": 7}
    slots = {"WM": 3, "lesion": 2}
    start, _ = hifisyn_start(tmp_path, labels=labels, width=8, slots=slots)
    plans = toy_plans(HiFiSyn)
    assert plans.settings["networks"]["width"] == 4
    taken = adopt_sizes(plans, start)
    assert taken.settings["networks"]["width"] == 8
    assert taken.settings["memory"]["slots"] == slots
    assert taken.settings["losses"] == plans.settings["losses"]
    assert taken.labels == LABELS
    assert taken.settings["memory"]["foreign"] == ["lesion"]
    HiFiSyn.check(taken)
    trainer = HiFiSyn(taken, ("T1", "T2"))
    fresh, left = start.put_into(trainer.networks)
    assert fresh == left == ["memory_bank.slot_class"]
    trainer.started()
    bank = trainer.networks.memory_bank
    assert bank.slot_class.tolist() == [LABELS["WM"]] * 3 + [-2] * 2 + [-1] * 2
    assert bank.table("T1").known.tolist() == [True] * 3 + [False] * 2 + [True] * 2  # foreign slots are never read


def test_weights_of_another_method_or_of_nothing_are_refused(tmp_path):
    start, _ = hifisyn_start(tmp_path)
    with pytest.raises(UserError, match=r"must hold weights of CycleGAN \(got HiFiSyn\)"):
        adopt_sizes(toy_plans(CycleGAN), start)
    with pytest.raises(UserError, match="must be a checkpoint, or a model folder with a trained fold"):
        find_checkpoint(tmp_path / "nothing", "TOY", 0)
    with pytest.raises(UserError, match="got none of"):
        start.remarks(CycleGAN, toy_plans(CycleGAN), ("T1", "T2"))


def test_a_model_of_the_same_data_set_lends_the_same_fold_alone(roots):
    weights_of(roots, "--epochs", "1")
    model = fold_folder(roots).parent
    assert find_checkpoint(model, "TOY", 0) == fold_folder(roots) / checkpoint.BEST
    assert find_checkpoint(model, "ANOTHER", 3) == fold_folder(roots) / checkpoint.BEST
    with pytest.raises(UserError, match=r"must hold fold_1, since other folds of the same data set .*got fold_0"):
        find_checkpoint(model, "TOY", 1)


def test_what_a_user_sets_holds_over_what_weights_bring_and_rates_follow_the_width(tmp_path):
    wide, _ = hifisyn_start(tmp_path, width=48)
    plans = toy_plans(HiFiSyn).override(["settings.memory.rho=0.5", "lr=2e-3", "content_discriminator.lr=8e-4"])
    taken = adopt_sizes(plans, wide)
    assert taken.settings["memory"]["rho"] == 0.5  # no shape depends on it
    assert taken.settings["networks"]["width"] == 48
    assert (taken.optimisation.lr, taken.optimisation.lr_discriminator) == (1e-4, 2e-5)
    assert taken.settings["content_discriminator"]["lr"] == 4e-5


def test_earlier_translations_of_another_run_are_left(tmp_path):
    plans = toy_plans(CycleGAN, pool=4)
    trainer = CycleGAN(plans, ("T1", "T2"))
    trainer.networks.pool.pools["T1"].filled.fill_(4)
    checkpoint.save(tmp_path / "c.pt", trainer)
    other = CycleGAN(plans, ("T1", "T2"))
    fresh, _ = Pretrained.read(tmp_path / "c.pt").put_into(other.networks)
    assert {name.split(".")[0] for name in fresh} == {"pool"}
    assert other.networks.pool.pools["T1"].filled == 0


@pytest.mark.parametrize(("given", "own"), [(0.999, 0.0), (0.0, 0.999), (0.999, 0.999)])
def test_smoothed_weights_are_taken_whichever_side_keeps_them(tmp_path, given, own):
    torch.manual_seed(1)
    trainer = StarGANv2(toy_plans(StarGANv2, ema=given), ("T1", "T2"))
    if given:
        for parameter in trainer.networks.smoothed.parameters():
            parameter.data.add_(1.0)
    checkpoint.save(tmp_path / "c.pt", trainer)
    torch.manual_seed(2)
    other = StarGANv2(toy_plans(StarGANv2, ema=own), ("T1", "T2"))
    fresh, left = Pretrained.read(tmp_path / "c.pt").put_into(other.networks)
    assert fresh == left == []
    image = torch.rand(1, 1, 16, 16)
    answers = [t.train(False).translate(image, "T1", "T2") for t in (trainer, other)]
    assert torch.equal(*answers)


def test_a_segmentation_for_labels_in_another_order_is_not_taken(tmp_path):
    plans = toy_plans(COSMOS)
    checkpoint.save(tmp_path / "c.pt", COSMOS(plans, ("T1", "T2")))
    turned = plans.model_copy(update={"labels": {"background": 0, "CSF": 3, "GM": 2, "WM": 1}})
    fresh, _ = Pretrained.read(tmp_path / "c.pt").put_into(COSMOS(turned, ("T1", "T2")).networks)
    assert any("segmenter.background_WM_GM_CSF" in name for name in fresh)
    assert all("segmenter" in name for name in fresh if not name.startswith("pool"))


@pytest.mark.slow
def test_what_began_stays_so_when_a_run_becomes_longer(tmp_path):
    job = toy_job(tmp_path, trainer=Toy, epochs=2, iterations=4)
    train(job, QUIET)
    longer = replace(job, plans=job.plans.override(["length.epochs=4"]))
    seen = []

    class Watched(Toy):
        def after_step(self):
            super().after_step()
            seen.append((self.iteration, self.first_total))

    assert train(replace(longer, trainer=Watched), replace(QUIET, resume=True)) == 0
    assert seen == [(iteration, 8) for iteration in range(8, 16)]


def test_a_longer_run_that_is_killed_has_no_final_weights_and_a_refused_one_changes_nothing(roots, capsys):
    weights_of(roots, "--epochs", "2")
    before = (fold_folder(roots) / "config.json").read_text()
    assert run(roots, "TOY", "T1", "T2", "fold0", *TOY, "--epochs", "1", "--resume") == 2
    assert (fold_folder(roots) / "config.json").read_text() == before
    request = Request("TOY", ("T1", "T2"), 0, TOY[1], assignments=("length.iterations=4",), roots=roots)
    job, _ = look_up(replace(request, epochs=5))
    config = json.loads(before)
    model_folder.prepare(job.folder, job.plans, "{}", config, config | {"epochs": 5}, resume=True)
    assert not (job.folder / checkpoint.FINAL).exists()
    resumed, _ = look_up(replace(request, resume=True))
    assert resumed.plans.length.epochs == 5  # as it was to be, though nobody says so again
