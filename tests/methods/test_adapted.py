"""Adapted: it starts from the base model, knows the cohort's look, sees no pair, and ends when nothing is gained."""

# mypy: no-check-untyped-defs
import dataclasses

import numpy as np
import pytest
import torch

from hifisyn.base import shipped
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import UserError
from hifisyn.evaluation.adapted_rows import adapted_rows, competes
from hifisyn.experiments.fitting_rows import why_unfit
from hifisyn.experiments.methods import method_rows
from hifisyn.experiments.tables import against
from hifisyn.intensities import OUTSIDE
from hifisyn.methods.adapted.planning import length
from hifisyn.methods.adapted.remapping import with_tissue_means
from hifisyn.methods.adapted.settings import WIDTH
from hifisyn.methods.adapted.trainer import Adapted
from hifisyn.planning.device import Device
from hifisyn.training import checkpoint, loop
from hifisyn.training.average import WeightAverage
from hifisyn.training.batch import Batch
from hifisyn.training.job import Options
from hifisyn.training.pretrained import Pretrained, adopt_sizes
from hifisyn.training.request import Request, look_up
from hifisyn.training.request_checks import chosen_domains
from hifisyn.training.training_cases import TrainingCases
from tests.support.method_rows import cases
from tests.support.training_toys import toy_dataset, toy_job, toy_plans, toy_store

PAIR = ("T1", "T2")
SIDE = 32
VALUES = [1, 2, 3]


def make(*assignments, domains=PAIR):
    return Adapted(toy_plans("Adapted", *assignments, domains=domains), domains)


def known(trainer, **means):
    """Tell a trainer how contrasts look."""
    for contrast, own in means.items():
        trainer.looks[contrast].learn(np.array([own]))
    return trainer


def strips(levels=(-0.5, 0.0, 0.4)):
    """An image (1, 3, SIDE, SIDE) of three tissues with some texture, and its labels; the outermost column is air."""
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.long)
    image = torch.full((SIDE, SIDE), OUTSIDE)
    texture = 0.05 * torch.sin(torch.arange(SIDE, dtype=torch.float32))[:, None].expand(SIDE, 10)
    for number, level in enumerate(levels):
        columns = slice(1 + 10 * number, 11 + 10 * number)
        labels[0, :, columns], image[:, columns] = number + 1, level + texture
    return image.expand(1, 3, SIDE, SIDE).clone(), labels


def test_tissues_get_the_wanted_means_and_air_stays():
    image, labels = strips()
    wanted = torch.tensor([[-0.2, 0.3, 0.7]])
    moved = with_tissue_means(image, labels, VALUES, wanted, torch.ones(3))
    for value, mean in zip(VALUES, wanted[0], strict=True):
        assert float(moved[0, 1][labels[0] == value].mean()) == pytest.approx(float(mean), abs=0.01)
    assert torch.equal(moved == OUTSIDE, image == OUTSIDE)


def test_the_order_of_brightness_never_turns():
    image, labels = strips()
    moved = with_tissue_means(image, labels, VALUES, torch.tensor([[0.5, 0.1, 0.3]]), torch.ones(3))
    order = image.flatten().argsort(stable=True)
    assert (moved.flatten()[order].diff() >= -1e-6).all()


def test_what_is_not_known_or_hardly_there_moves_nothing():
    image, labels = strips()
    wanted = torch.tensor([[-0.2, 0.3, 0.7]])
    torch.testing.assert_close(with_tissue_means(image, labels, VALUES, wanted, torch.zeros(3)), image)
    rare = torch.where(labels == 2, 0, labels)
    rare[0, :3, 15] = 2
    one = torch.tensor([0.0, 1.0, 0.0])
    torch.testing.assert_close(with_tissue_means(image, rare, VALUES, wanted, one), image)


def test_the_look_is_that_of_the_labelled_subjects_each_once(tmp_path):
    store = toy_store(tmp_path / "slices")
    cases = store.cases()
    cohort = TrainingCases.read(store, cases, {cases[1]: cases[0]}, PAIR)  # the first two are one person
    trainer = make()
    trainer.study(store, cohort)
    means = [float(store.image(case, "T1")[store.label(case) == 2].mean()) for case in cases]
    subjects = [np.mean(means[:2]), *means[2:]]
    look = trainer.looks["T1"]
    assert float(look.means[1]) == pytest.approx(np.mean(subjects), abs=1e-5)
    assert float(look.spreads[1]) == pytest.approx(np.std(subjects), abs=1e-5)
    assert look.known.tolist() == [1, 1, 1, 0]  # no lesion anywhere


def test_fewer_than_three_subjects_are_refused_in_one_line(tmp_path):
    store = toy_store(tmp_path / "slices", {"c0": PAIR, "c1": PAIR})
    cohort = TrainingCases.read(store, store.cases(), {}, PAIR)
    with pytest.raises(UserError, match=r"at least 3 for Adapted \(got 2\); .*--model base"):
        make().study(store, cohort)


def base(width=4):
    torch.manual_seed(4)
    network = BaseNetwork(width)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return BaseModel(network.eval().requires_grad_(False))


def begun(model, monkeypatch, pixel_mm=2.0):
    """Return a trainer that starts from a base model."""
    monkeypatch.setattr(shipped, "shipped", lambda: model)
    plans = toy_plans("Adapted", f"slices.pixel_mm={pixel_mm}")
    start = Pretrained.of_base(Adapted, plans)
    trainer = Adapted(adopt_sizes(plans, start), PAIR)
    start.put_into(trainer.networks)
    trainer.train(False)
    return trainer


@pytest.mark.parametrize("pixel_mm", [2.0, 1.0])  # fine ones are seen at two scales
def test_fresh_it_is_the_base_model_told_the_look(monkeypatch, pixel_mm):
    model = base()
    trainer = begun(model, monkeypatch, pixel_mm)
    means = [-0.3, 0.1, 0.5, np.nan]
    known(trainer, T2=means)
    rng = np.random.default_rng(0)
    slices = np.tanh(rng.normal(size=(2, SIDE, SIDE))).astype(np.float32)
    told = {"T2": [*means[:3], None]}
    wanted = model.translate({"T1": slices}, trainer.plans.slices.pixel_mm, told, neighbours=False)["T2"][0]
    untold = model.translate({"T1": slices}, trainer.plans.slices.pixel_mm, neighbours=False)["T2"][0]
    with torch.no_grad():
        made = trainer.translate(torch.from_numpy(slices)[:, None].expand(-1, 3, -1, -1), "T1", "T2")[:, 0].numpy()
    np.testing.assert_allclose(made, wanted, atol=1e-4)
    assert np.abs(made - untold).mean() > 0.001


def test_it_starts_from_the_base_model_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "shipped", base)
    roots = toy_dataset(tmp_path, Adapted)
    job, remarks = look_up(Request("TOY", PAIR, 0, method="Adapted", roots=roots))
    assert job.pretrained is not None
    assert job.pretrained.file == shipped.FILE
    assert any("started from" in line for line in remarks)
    assert job.folder.parent.name == "Adapted__plans__2d"


def test_contrasts_that_the_base_model_does_not_make_are_refused_and_left_out_of_a_benchmark():
    plans = toy_plans("Adapted", domains=("T1", "PD"))
    with pytest.raises(UserError, match=r"contrasts of Adapted must be among T1, T2, FLAIR \(got PD\)"):
        chosen_domains(("t1", "pd"), plans, Adapted)
    (row,) = method_rows(["Adapted"])
    assert why_unfit(row, Request("TOY", ("t1", "pd"), 0), plans) == "takes T1, T2, FLAIR alone"
    assert why_unfit(row, Request("TOY", ("t1",), 0), plans) == ""


def test_the_planned_width_is_that_of_the_shipped_model():
    assert shipped.shipped().network.width == WIDTH


def batch_of(t1, t2, kind, labels=None):
    images = {"T1": t1, "T2": t2}
    none = dict.fromkeys(PAIR, labels)
    return Batch(images, none, {m: torch.tensor([place]) for place, m in enumerate(PAIR)}, 0, kind)


def test_the_two_contrasts_of_an_unpaired_step_never_meet():
    """What the error of a direction is taken from is its own target: another source changes nothing of it."""
    trainer = make()
    image, _ = strips()
    seen = []
    for given in (image, image.flip(-1)):
        trainer.generator.manual_seed(1)
        shown, wanted = trainer._real(batch_of(given, image, "unpaired"), "T1", "T2", 2.0)
        assert torch.equal(wanted, image[:, 1:2])
        assert not shown.requires_grad
        seen.append(shown)
    assert torch.equal(*seen)


def test_simulated_targets_look_as_the_cohort_and_sources_as_its_subjects():
    trainer = make()
    trainer.looks["T1"].learn(np.array([[-0.6, 0.0, 0.5, np.nan], [-0.2, 0.2, 0.7, np.nan]]))
    trainer.looks["T2"].learn(np.array([[0.8, 0.1, -0.3, np.nan]]))
    image, labels = strips()
    flipped = torch.where(image > OUTSIDE, -image, image)
    batch = batch_of(image, flipped, "simulated", labels)
    shown = []
    for seed in range(20):
        trainer.generator.manual_seed(seed)
        source, target = trainer._simulated(batch, "T1", "T2")
        for value, mean in zip(VALUES, (0.8, 0.1, -0.3), strict=True):
            assert float(target[0, 0][labels[0] == value].mean()) == pytest.approx(mean, abs=0.03)
        shown.append(float(source[0, 1][labels[0] == 2].mean()))
    assert np.mean(shown) == pytest.approx(0.1, abs=0.08)
    assert 0.05 < np.std(shown) < 0.2


@pytest.mark.slow
def test_on_simulated_heads_it_learns_the_look_that_it_is_told():
    """Not told apart by the network at first: after some steps the tissues of its images have the cohort's means."""
    trainer = known(make("optimisation.lr=5e-3"), T1=[-0.5, 0.0, 0.4, np.nan], T2=[0.6, 0.0, -0.4, np.nan])
    image, labels = strips()
    flipped = torch.where(image > OUTSIDE, -image, image)
    optimizer = trainer.optimizers()["generator"]
    for step in range(150):
        trainer.iteration = step
        loss = sum(next(trainer.updates(batch_of(image, flipped, "simulated", labels)))[1].values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trainer.train(False)
    with torch.no_grad():
        made = trainer.translate(image, "T1", "T2")[0, 0]
    found = [float(made[labels[0] == value].mean()) for value in VALUES]
    assert found == pytest.approx([0.6, 0.0, -0.4], abs=0.12)


def scored(monkeypatch, scores):
    """Let the epochs of a training have these scores, the first that of the fresh network."""
    values = iter(scores)
    monkeypatch.setattr(loop, "translate_all", lambda *args: {})
    monkeypatch.setattr(loop, "write_sheets", lambda *args: None)
    monkeypatch.setattr(loop, "measure_without_pairs", lambda *args: {})
    monkeypatch.setattr(loop, "measure", lambda *args: {"T1_to_T2/ssim_brain": next(values)})
    monkeypatch.setattr(loop, "summarise", lambda *args: "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "epochs", "best"),
    [
        ([0.5, 0.6, 0.7, 0.65, 0.66, 0.6, 0.69, 0.9], 6, 2),  # four in a row not above the second
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.9], 4, 0),  # never better than the base model
        ([0.5, 0.6, 0.7, 0.8, 0.9, 0.91, 0.92, 0.93, 0.94], 8, 8),
    ],
)
def test_it_ends_by_itself_and_never_below_what_it_began_with(scores, epochs, best, tmp_path, monkeypatch):
    scored(monkeypatch, scores)
    job = toy_job(tmp_path, trainer=Adapted)
    plans = job.plans.override(["length.epochs=8", "length.iterations=1", "batches.shares={'unpaired': 1.0}"])
    job = dataclasses.replace(job, plans=plans)
    assert loop.train(job, Options(device="cpu")) == 0
    assert checkpoint.load(job.folder / checkpoint.FINAL)["progress"]["iteration"] == epochs
    found = checkpoint.load(job.folder / checkpoint.BEST)
    assert found["progress"]["iteration"] == best
    assert float(found["networks"]["generator.looks.T1.known"].sum()) == 3  # it knew the look from the first


def test_the_length_is_short_and_within_ten_minutes_of_a_core():
    assert length(96, Device("cuda", 40, 16)).value.total == 120
    assert length(96, Device("cpu", 8, 1, minutes=4)).value.total == 120
    large = length(384, Device("cpu", 8, 1, minutes=4))
    assert large.value.total < 100
    assert "ten minutes" in large.reason


def test_its_tests_are_a_family_of_their_own():
    every = cases("CycleGAN", "MUNIT", "HiFiSyn", "Adapted")
    table = against(every, "HiFiSyn", ["ssim"], "quality")
    cells = {row[0].text: row[1] for row in table.rows}
    assert cells["Adapted"].test.startswith("p")
    assert "Adapted: begins with the base model" in table.note
    without = against(every[every["row"] != "Adapted"], "HiFiSyn", ["ssim"], "quality")
    for name in ("CycleGAN", "MUNIT"):
        tested = [t.numbers[t.numbers["row"] == name]["p_holm"].item() for t in (table, without)]
        assert tested[0] == tested[1]
    assert "begins with the base model" not in without.note


def test_labels_of_models_tell_what_moves_the_base_model():
    names = ["Adapted", "Adapted lr=0.001 fold 1", "Adapted, pairwise", "Adapted2", "HiFiSyn", "Paired"]
    assert adapted_rows(names) == names[:3]
    assert [name for name in names if competes(name)] == ["Adapted2", "HiFiSyn"]


def test_the_weights_to_use_lie_half_way_and_a_resumed_average_is_the_same():
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    start = network.weight.detach().clone()
    average = WeightAverage(network, [network], decay=0.0, way=0.5)
    with torch.no_grad():
        network.weight.add_(1.0)
    average.update()
    with average.applied():
        torch.testing.assert_close(network.weight.detach(), start + 0.5)
    torch.testing.assert_close(network.weight.detach(), start + 1.0)
    kept = average.state()
    torch.testing.assert_close(kept["weights"]["weight"], start + 0.5)
    again = torch.nn.Linear(3, 2)
    with torch.no_grad():
        again.weight.copy_(start)
    loaded = WeightAverage(again, [again], decay=0.0, way=0.5)
    loaded.load(kept)
    assert torch.equal(loaded.state()["weights"]["weight"], kept["weights"]["weight"])
    assert torch.equal(loaded.state()["mean"]["weight"], kept["mean"]["weight"])
