"""What the paper has not: off it changes nothing, on it does what it says."""

# mypy: no-check-untyped-defs
from dataclasses import replace

import numpy as np
import pytest
import torch

from hifisyn.base.shipped import shipped
from hifisyn.directions import Direction
from hifisyn.losses import adversarial
from hifisyn.methods.hifisyn import additions
from hifisyn.methods.hifisyn.cohort_tissues import TissueStatistics, statistics_of_cohort, tissue_table
from hifisyn.methods.hifisyn.supervised import brain_l1, content_distance
from hifisyn.methods.hifisyn.teacher import taught
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.networks.blocks import UpLN
from hifisyn.training.contract import GENERATOR
from hifisyn.training.step import take_step
from hifisyn.training.training_cases import TrainingCases
from tests.methods.hifisyn.test_hifisyn import LABELS, PAIR, make, make_batch, make_plans, weights
from tests.support.training_toys import toy_job, toy_store

TERMS = {"content", "domain", "cycle", "reconstruction", "pgd", "sgd", "ggd"}


def with_additions(**values):
    return make_plans(additions=values)


def simulated(iteration=0):
    """The two contrasts of one slice."""
    batch = make_batch(iteration)
    y = batch.labels["T1"]
    grey = {"T1": torch.tensor([-1.0, -0.5, 0.1, 0.7]), "T2": torch.tensor([-1.0, 0.8, 0.2, -0.3])}
    same = dict.fromkeys(PAIR, batch.subjects["T1"] - 9)
    return replace(
        batch,
        images={m: grey[m][y][:, None] for m in PAIR},
        labels=dict.fromkeys(PAIR, y),
        subjects=same,
        kind="simulated",
    )


def generator_losses(trainer, batch):
    trainer.generator.manual_seed(0)
    return dict(trainer.updates(batch))[GENERATOR]


def test_what_is_off_changes_no_loss():
    plain = generator_losses(make(), make_batch())
    assert set(plain) == TERMS
    for values in ({"tissue": 2.0}, {"teacher": 10.0}):
        found = generator_losses(make(with_additions(**values)), make_batch())
        assert set(found) == TERMS | set(values)
        for name in TERMS:
            torch.testing.assert_close(found[name], plain[name], rtol=0, atol=0)


@pytest.fixture
def trained():
    trainer = make()
    optimizers = trainer.optimizers()
    for step in range(3):
        take_step(trainer, optimizers, make_batch(step), seed=0)
    return trainer, optimizers


def test_a_simulated_batch_teaches_the_networks_and_tells_the_bank_nothing(trained):
    trainer, optimizers = trained
    before = weights(trainer)
    losses = take_step(trainer, optimizers, simulated(3), seed=0)
    assert set(losses) == {f"generator/simulated{part}" for part in ("", "_reconstruction", "_content")}
    moved = {name.split(".")[0] for name, tensor in weights(trainer).items() if not torch.equal(tensor, before[name])}
    assert moved == {"content_encoder", "attribute_encoder", "generator"}


def test_simulated_pairs_bring_contents_together_and_translations_to_the_truth(trained):
    trainer, optimizers = trained
    losses = [take_step(trainer, optimizers, simulated(step), seed=0) for step in range(3, 63)]
    for name in ("generator/simulated", "generator/simulated_content"):
        values = [float(step[name]) for step in losses]
        assert np.mean(values[-10:]) < 0.8 * np.mean(values[:10]), name


def test_the_truth_of_a_simulated_batch_is_clean_where_it_is_known(trained):
    trainer, _ = trained
    batch = simulated()
    clean = {m: image[:, 0] for m, image in batch.images.items()}
    noisy = {m: image + 0.1 * (image > -1) for m, image in batch.images.items()}
    first = generator_losses(trainer, replace(batch, images=noisy, clean=clean))["simulated"]
    other = generator_losses(trainer, replace(batch, images=noisy))["simulated"]
    assert first.item() != other.item()


def test_pixels_outside_the_brain_weigh_a_tenth():
    made, truth = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]]])
    brain = torch.tensor([[[[True, True], [False, False]]]])
    assert float(brain_l1(made, truth, brain)) == pytest.approx((1 + 0.1) / 2.2)


def test_the_content_distance_is_the_mean_over_pairs():
    contents = {m: torch.full((1, 2, 3, 3), value) for m, value in (("T1", 0.0), ("T2", 1.0), ("FLAIR", 3.0))}
    assert float(content_distance(contents)) == pytest.approx((1 + 3 + 2) / 3)


def statistics(means, spreads):
    found = TissueStatistics()
    found.learn(np.array([[means, spreads]]))
    return found


def test_the_tissue_distance_by_hand():
    tissues = torch.zeros(2, 8, 8, dtype=torch.int64)
    tissues[0, :4], tissues[0, 4:] = 1, 3
    tissues[1, :1] = 1  # 8 pixels: too few
    images = torch.full((2, 1, 8, 8), 0.5)
    images[0, 0, :4] = torch.tensor([-0.4, 0.0]).repeat(16).view(4, 8)
    known = statistics([-0.2, np.nan, 0.1, np.nan], [0.1, np.nan, 0.0, np.nan])
    expected = ((0.0 + 0.1) + (0.4 + 0.0)) / 2
    assert float(known.distance(images, tissues)) == pytest.approx(expected, abs=2e-3)
    assert known.look() == (pytest.approx(-0.2), None, pytest.approx(0.1), None)
    assert float(TissueStatistics().distance(images, tissues)) == 0


def test_statistics_are_means_over_subjects_of_training_cases(tmp_path):
    store = toy_store(tmp_path)
    cohort = TrainingCases.read(store, ("c0", "c1", "c2"), {"c0": "a", "c1": "a"}, PAIR)
    found = statistics_of_cohort(store, cohort, LABELS)["T1"]
    assert found.shape == (2, 2, 4)
    own = np.concatenate([store.image(c, "T1")[store.label(c) == 2] for c in ("c0", "c1")])
    np.testing.assert_allclose(found[0, :, 1], [own.mean(), own.std()], rtol=1e-5)
    assert np.isnan(found[..., 3]).all()
    assert tissue_table({"GM": 7, "oedema": 3, "background": 0})[[0, 3, 7]].tolist() == [0, 4, 2]


def test_the_cohort_is_studied_before_the_first_step_and_kept_in_the_state(tmp_path):
    job = toy_job(tmp_path, HiFiSyn)
    plans = job.plans.override(["additions.tissue=1"])
    trainer = replace(job, plans=plans).new_trainer(torch.device("cpu"))
    trainer.study(job.store, job.cohort())
    state = trainer.networks.state_dict()
    assert {f"tissues.{m}.means" for m in PAIR} <= set(state)
    assert state["tissues.T1.known"].tolist() == [1, 1, 1, 0]
    assert state["tissues.T1.means"].tolist()[:3] == sorted(state["tissues.T1.means"].tolist()[:3])


def test_tissue_statistics_change_what_is_made(tmp_path):
    trainer = make(with_additions(tissue=20.0))
    for contrast in PAIR:
        trainer.networks.tissues[contrast].learn(np.array([[[0.9, 0.9, 0.9, np.nan], [0.01, 0.01, 0.01, np.nan]]]))
    optimizers = trainer.optimizers()
    losses = [float(take_step(trainer, optimizers, make_batch(i), seed=0)["generator/tissue"]) for i in range(40)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


@pytest.mark.slow
def test_the_teacher_is_the_base_model_told_the_cohort(monkeypatch):
    images = torch.full((2, 1, 32, 32), -1.0)
    images[..., 8:24, 8:24] = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    look = (-0.6, 0.3, 0.1, None)
    made = taught(shipped(), images, Direction("T1", "FLAIR"), 2.0, look)
    stack = images[:, 0].numpy()[:, None].repeat(3, axis=1)
    expected, _ = shipped().translate({"T1": stack}, 2.0, {"FLAIR": look})["FLAIR"]
    np.testing.assert_array_equal(made[:, 0].numpy(), expected)
    assert taught(shipped(), images, Direction("T2", "PD"), 2.0, (None,) * 4) is None


def test_the_teacher_weighs_less_and_less(monkeypatch):
    monkeypatch.setattr(additions, "taught", lambda model, images, *rest: torch.zeros_like(images))
    trainer = make(with_additions(teacher=10.0))
    trainer.first_total = 100
    early, late = (float(generator_losses(trainer, replace(make_batch(), iteration=i))["teacher"]) for i in (0, 98))
    assert late == pytest.approx(0.2 * early, rel=1e-4)


def test_r1_by_hand_and_the_squared_distances():
    images = torch.ones(3, 1, 2, 2, requires_grad=True)
    logits = [(images * torch.tensor([[1.0, 2.0], [0.0, -2.0]])).sum(dim=(2, 3), keepdim=True)]
    assert float(adversarial.gradient_penalty(logits, images)) == pytest.approx((1 + 4 + 4) / 2)
    answers = [torch.tensor([0.5, 2.0])]
    form = "least squares"
    assert float(adversarial.generator_loss(answers, form)) == pytest.approx((0.25 + 1) / 2)
    assert float(adversarial.discriminator_loss(answers, answers, form)) == pytest.approx((1.25 + 4.25) / 2)


def test_r1_reaches_the_discriminator_alone():
    trainer = make(with_additions(r1=5.0))
    trainer.generator.manual_seed(0)
    group, losses = next(trainer.updates(make_batch()))
    assert set(losses) == {"domain", "r1"}
    losses["r1"].backward()
    reached = {n.split(".")[0] for n, p in trainer.networks.named_parameters() if p.grad is not None}
    assert (group, reached) == ("discriminator", {"image_discriminator"})


def test_a_spectral_norm_is_one():
    trainer = make(make_plans(networks={"spectral_norm": True}))
    train_steps = [take_step(trainer, trainer.optimizers(), make_batch(i), seed=0) for i in range(20)]
    assert torch.isfinite(torch.stack([v for step in train_steps for v in step.values()])).all()
    layers = [m for m in trainer.networks.image_discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    largest = [float(torch.linalg.matrix_norm(m.weight.flatten(1), 2)) for m in layers]
    assert largest == pytest.approx([1.0] * len(layers), abs=0.1)


@pytest.mark.parametrize(("upsampling", "even"), [("3x3", False), ("4x4", True), ("resize", True)])
def test_up_sampling_overlaps_evenly_or_not(upsampling, even):
    layer = UpLN(1, 1, upsampling)
    with torch.no_grad():
        for parameter in layer[0].parameters():
            parameter.fill_(1.0)
        made = layer[0](torch.ones(1, 1, 8, 8))[0, 0, 2:-2, 2:-2]
    assert layer(torch.ones(1, 1, 8, 8)).shape == (1, 1, 16, 16)
    assert (float(made.std()) < 1e-6) == even
