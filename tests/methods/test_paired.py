"""Paired: what it takes as a pair, how it bears a pair that lies a little off, and what it can begin with."""

# mypy: no-check-untyped-defs
import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hifisyn.base import shipped
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.cli.train import main
from hifisyn.errors import UserError
from hifisyn.evaluation.ceilings import ceiling_rows, is_ceiling
from hifisyn.experiments.tables import against
from hifisyn.inference.predictor import Predictor
from hifisyn.methods.base_weights import base_weights
from hifisyn.methods.named_network import NamedNetwork
from hifisyn.methods.paired.displacement import best_fit, shifted
from hifisyn.methods.paired.planning import length
from hifisyn.methods.paired.trainer import Paired
from hifisyn.planning.device import Device
from hifisyn.training.pretrained import Pretrained, adopt_sizes
from hifisyn.training.request import Request, look_up
from hifisyn.training.step import take_step
from tests.support.method_rows import cases
from tests.support.overfit import fall, small_batch
from tests.support.training_toys import toy_dataset, toy_job, toy_plans, toy_store
from tests.support.untrusted import doubt

PAIR = ("T1", "T2")
SIDE = 32


def anatomy(seed, blur=2.0):
    """A slice in [-1, 1], (1, 1, SIDE, SIDE), without a background."""
    drawn = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), blur)
    return torch.from_numpy(0.9 * drawn / np.abs(drawn).max()).float()[None, None]


def make(*assignments, domains=PAIR):
    plans = toy_plans("Paired", f"slices.size={SIDE}", f"slices.crop={SIDE}", *assignments, domains=domains)
    torch.manual_seed(0)
    return Paired(plans, domains).train()


def batch_of(t1, t2, iteration=0):
    """Slices that are their own neighbours."""
    images = {"T1": t1.expand(-1, 3, -1, -1), "T2": t2.expand(-1, 3, -1, -1)}
    first = small_batch(SIDE, iteration)
    subjects = dict.fromkeys(PAIR, torch.arange(len(t1)))
    return dataclasses.replace(first, images=images, labels=dict.fromkeys(PAIR), subjects=subjects, kind="paired")


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (-1, 1), (1, 1)])
def test_a_target_that_lies_off_comes_back_and_one_that_lies_right_stays(shift):
    image, brain = torch.cat([anatomy(0), anatomy(1)]), torch.ones(2, 1, SIDE, SIDE)
    off = torch.cat([shifted(image[:1], *shift), image[1:]])
    inner = (..., slice(2, -2), slice(2, -2))
    assert torch.equal(best_fit(image, off, brain, 1, 0.02)[inner], image[inner])
    assert torch.equal(best_fit(image, off, brain, 0, 0.02), off)


def test_where_a_shift_gains_little_nothing_moves():
    image, brain = anatomy(0), torch.ones(1, 1, SIDE, SIDE)
    off = image.roll(1, dims=-1)
    before, after = (float((image - x).abs().mean()) for x in (off, shifted(off, 0, -1)))
    saved = 1 - after / before
    assert torch.equal(best_fit(image, off, brain, 1, saved + 0.01), off)
    assert torch.equal(best_fit(image, off, brain, 1, saved - 0.01), shifted(off, 0, -1))


def test_errors_outside_the_brain_move_nothing():
    image, brain = anatomy(0), torch.zeros(1, 1, SIDE, SIDE)
    brain[..., :16, :] = 1
    off = torch.cat([image[..., :16, :], 4 * shifted(image, 0, 1)[..., 16:, :]], dim=2)
    assert torch.equal(best_fit(image, off, brain, 1, 0.02), off)


@pytest.mark.slow
def test_pairs_that_lie_a_pixel_off_are_learnt_sharper_than_by_plain_l1():
    rng = np.random.default_rng(0)
    t1 = 0.7 * torch.cat([anatomy(seed) for seed in range(4)]).sign()
    truth = 0.1 - t1
    shifts = [[tuple(rng.integers(-1, 2, 2)) for _ in t1] for _ in range(120)]
    error = {}
    for reach in (0, 1):
        network = ["settings.networks.width=8", "optimisation.lr=1e-2", "slices.pixel_mm=2.0"]
        trainer = make(f"settings.reach={reach}", *network, "epochs=12")
        optimizers = trainer.optimizers()
        for step, moves in enumerate(shifts):
            t2 = torch.cat([shifted(one[None], *move) for one, move in zip(truth, moves, strict=True)])
            take_step(trainer, optimizers, batch_of(t1, t2, step), seed=0)
        with torch.no_grad():
            made = trainer.translate(t1.expand(-1, 3, -1, -1), "T1", "T2")[:, :1]
        aligned = best_fit(made, truth, torch.ones_like(made), 1, 0.0)  # a shift of all is no blur
        error[reach] = float((made - aligned)[..., 2:-2, 2:-2].abs().mean())
    assert error[1] < 0.8 * error[0]


def test_it_overfits_a_pair_and_knows_how_well():
    t1 = torch.cat([anatomy(0), anatomy(1)])
    trainer, logged = make("settings.networks.width=8", "optimisation.lr=1e-2", "length.epochs=8"), []
    optimizers = trainer.optimizers()
    for step in range(80):
        losses = take_step(trainer, optimizers, batch_of(t1, 0.5 - t1.abs(), step), seed=0)
        logged.append({name: float(loss) for name, loss in losses.items()})
    assert fall(logged, "generator/l1") > 4
    with torch.no_grad():
        made = trainer.translate(t1.expand(-1, 3, -1, -1), "T1", "T2")
    error = float((made[:, 0] - (0.5 - t1.abs())[:, 0]).abs().mean())
    assert float(made[:, 1].exp().mean()) == pytest.approx(error, rel=0.8)


def test_no_error_is_taken_where_a_scan_does_not_reach():
    t1, trainer = anatomy(0), make("settings.reach=0")
    t2 = 0.5 - t1.abs()
    cut = torch.cat([torch.full_like(t2[..., :10, :], -1.0), t2[..., 10:, :]], dim=2)
    with torch.no_grad():
        output = trainer.translator("T1", "T2")(t1.expand(-1, 3, -1, -1))[:, :1]
        back = trainer.translator("T2", "T1")(cut.expand(-1, 3, -1, -1))[:, :1]
    wanted = ((output - t2).abs()[..., 10:, :].mean() + (back - t1).abs()[..., 10:, :].mean()) / 2
    found = next(trainer.updates(batch_of(t1, cut)))[1]["l1"].detach()
    assert float(found) == pytest.approx(0.8 * float(wanted), rel=1e-5)


def test_a_case_whose_registration_is_not_trusted_is_never_drawn_and_is_named(tmp_path):
    roots = toy_dataset(tmp_path, Paired)
    store = toy_store(tmp_path / "slices")
    doubt(roots.preprocessed / "TOY" / "plans_2d" / "c3.json", "T2")
    job, remarks = look_up(Request("TOY", PAIR, 0, method="Paired", roots=roots))
    assert "registration is not trusted, left out: c3" in remarks
    source = job.source()
    numbers = source.numbers
    drawn = {int(n) for step in range(40) for n in source.read(step)["subjects"]["T1"]}
    assert drawn == {numbers[case] for case in job.train if case != "c3"}
    trusted = look_up(Request("TOY", PAIR, 0, method="CycleGAN", roots=roots))[1]
    assert not [line for line in trusted if "not trusted" in line]
    assert store.cases()


def test_without_a_pair_it_says_so_in_one_line(tmp_path):
    store = toy_store(tmp_path / "slices", {f"c{i}": (PAIR[i % 2],) for i in range(8)})
    with pytest.raises(UserError, match="take a method that needs no pairs"):
        toy_job(tmp_path, trainer=Paired, store=store).source()


@pytest.mark.slow
def test_two_subjects_train_predict_and_resume(tmp_path):
    roots = toy_dataset(tmp_path, Paired)
    splits = '{"test": [], "folds": [{"train": ["c0", "c1"], "val": ["c2"]}]}'
    (roots.preprocessed / "TOY" / "splits_final.json").write_text(splits)
    words = ["TOY", "T1", "T2", "fold0", "-tr", "Paired", "--device", "cpu", "--iterations", "3"]
    where = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    assert main([*words, "--epochs", "2", *map(str, where)]) == 0
    (model,) = (roots.results / "TOY" / "T1_T2").iterdir()
    predictor = Predictor.from_folder(model, device="cpu")
    assert predictor.context == 1
    stack = toy_store(tmp_path / "other").neighbours("c7", "T1", None, 1)
    found = predictor.translate(stack, "T1", "T2")
    assert found.slices.shape == stack[:, 0].shape
    assert found.expected_error is not None
    inside = found.expected_error[:, 4:-4, 4:-4]
    assert (inside > 0).all()
    assert main([*words, "--epochs", "3", *map(str, where)]) == 0


def test_contrasts_that_the_base_model_does_not_make_are_learnt_from_scratch():
    trainer = make(domains=("SWI", "T2"))
    assert trainer.translator("T2", "SWI")(torch.zeros(1, 3, 24, 20)).shape == (1, 2, 24, 20)


def base(width=4):
    torch.manual_seed(5)
    network = BaseNetwork(width)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    with torch.no_grad():  # without neighbours, what an empty slot adds is the same up to the border
        network.down[0].first.weight *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    return BaseModel(network.eval())


@pytest.mark.parametrize("pixel_mm", [2.0, 1.0])  # fine ones are seen at two scales
def test_begun_with_the_base_model_it_translates_as_that_does(monkeypatch, pixel_mm):
    model = base()
    monkeypatch.setattr(shipped, "shipped", lambda: model)
    plans = toy_plans("Paired", "slices.size=64", "slices.crop=64")
    start = Pretrained.of_base(Paired, plans.override(["settings.networks.width=12"]))
    adopted = adopt_sizes(plans, start)
    assert adopted.width == 4
    assert adopted.optimisation.lr == plans.optimisation.lr
    for domains in (PAIR, ("FLAIR", "T1")):
        own = toy_plans("Paired", "settings.networks.width=4", f"slices.pixel_mm={pixel_mm}", domains=domains)
        trainer = Paired(own, domains).train(False)
        fresh, left = start.put_into(trainer.networks)
        assert not fresh
        assert any("PD" in name for name in left)
        stack = anatomy(3)[0].repeat(2, 3, 3)[:, :64, :64].numpy()
        source, target = domains
        wanted = model.translate({source: stack}, pixel_mm, neighbours=False)[target][0]
        with torch.no_grad():
            image = torch.from_numpy(stack)[:, None].expand(-1, 3, -1, -1)
            made = trainer.translate(image, source, target)[:, 0].numpy()
        # Empty slots add a constant to each channel, which an instance norm takes away.
        np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_a_contrast_that_the_base_model_lacks_stays_fresh_and_other_methods_cannot_begin_with_it(monkeypatch):
    monkeypatch.setattr(shipped, "shipped", base)
    plans = toy_plans("Paired", "settings.networks.width=4", domains=("PD", "SWI", "T1"))
    start = Pretrained.of_base(Paired, plans)
    fresh, _ = start.put_into(Paired(plans, ("PD", "SWI", "T1")).networks)
    names = {name.removeprefix("generator.") for name in fresh}
    assert names == {
        "down.0.first.SWI.weight",
        "told.0.SWI.weight",
        *(f"last.{contrast}.{kind}" for contrast in ("PD", "SWI") for kind in ("weight", "bias")),
    }
    with pytest.raises(UserError, match="--pretrained base must be with a method"):
        Pretrained.of_base(type("Other", (Paired,), {"base_weights": classmethod(lambda cls: None)}), plans)


def test_hifisyn_train_takes_the_base_model_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "shipped", base)
    roots = toy_dataset(tmp_path, Paired)
    request = Request("TOY", PAIR, 0, method="Paired", roots=roots, pretrained=shipped.FILE.parent.__class__("base"))
    job, remarks = look_up(request)
    assert job.plans.width == 4
    assert job.folder.parent.name.endswith("pretrained=base")
    assert any(line.startswith(f"started from {shipped.FILE}") for line in remarks)
    fresh = job.new_trainer(torch.device("cpu")).networks.generator
    assert torch.equal(fresh.told[2].weight, base().network.told[2].weight)


def test_a_state_of_named_parts_comes_back_whole_and_says_what_is_missing():
    torch.manual_seed(0)
    old, new = NamedNetwork(4, PAIR), NamedNetwork(4, PAIR)
    state = {name: tensor.clone() for name, tensor in old.state_dict().items()}
    assert {"down.0.first.T1.weight", "told.0.pixel.weight", "last.T2.bias"} <= set(state)
    assert "down.0.first.weight" not in state
    new.load_state_dict(state)
    assert all(torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters(), strict=True))
    with pytest.raises(RuntimeError, match=r"Missing key.*last\.T2\.bias"):
        new.load_state_dict({name: tensor for name, tensor in state.items() if name != "last.T2.bias"})
    with pytest.raises(RuntimeError, match=r"size mismatch for last\.T1\.weight"):
        new.load_state_dict(state | {"last.T1.weight": torch.zeros(2, 5, 1, 1)})
    swapped = NamedNetwork(4, PAIR[::-1])
    swapped.load_state_dict(state)
    slices = torch.cat([anatomy(0)] * 3 + [anatomy(1)] * 3, dim=1)
    told = torch.tensor([[1.0, 0.0, 0.3]])
    with torch.no_grad():
        one = old(slices, told)
        other = swapped(slices.roll(3, dims=1), torch.tensor([[0.0, 1.0, 0.3]]))
    torch.testing.assert_close(one, other[:, [1, 0, 3, 2]])


def test_every_weight_of_the_base_model_has_a_name():
    network = base().network
    parts = base_weights(network, "")
    plane = 3 * 3 * network.width  # what the empty slots add up to
    total = sum(p.numel() for p in network.parameters())
    assert sum(p.numel() for p in parts.values()) == total + plane


def test_the_length_follows_the_subjects_and_the_time():
    gpu, minutes = Device("cuda", 40, 16), Device("cpu", 8, 1, minutes=4)
    assert [length(n, 96, gpu).value.total for n in (2, 22, 100, 1000)] == [1000, 1000, 4500, 10_000]
    assert length(22, 96, minutes).value.total < 1000
    assert "time" in length(22, 96, minutes).reason


def test_a_ceiling_is_marked_never_best_and_changes_no_test():
    every = cases("CycleGAN", "MUNIT", "HiFiSyn", "Paired")
    table = against(every, "HiFiSyn", ["ssim"], "quality")
    cells = {row[0].text: row[1] for row in table.rows}
    assert [name for name, cell in cells.items() if cell.best] == ["HiFiSyn"]
    assert cells["Paired"].test == ""
    assert cells["CycleGAN"].test.startswith("p")
    assert "Paired: trained on registered pairs" in table.note
    without = against(every[every["row"] != "Paired"], "HiFiSyn", ["ssim"], "quality")
    for name in ("CycleGAN", "MUNIT"):
        tested = [t.numbers[t.numbers["row"] == name]["p_holm"].item() for t in (table, without)]
        assert tested[0] == tested[1]
    assert "ceiling" not in without.note


def test_labels_of_models_tell_a_ceiling():
    names = ["Paired pretrained=base", "Paired (FLAIR, T1, T2) fold 1", "Paired, pairwise", "Unpaired", "HiFiSyn"]
    assert ceiling_rows(names) == names[:3]
    assert not is_ceiling("source itself")
