"""Laws that every registered method keeps."""

import dataclasses

import pytest
import torch

from hifisyn.planning.planner import complete
from hifisyn.training import checkpoint, registry
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.step import take_step
from tests.training_toys import toy_job, toy_store

CPU = torch.device("cpu")
PERIOD = 2
SHORTENED = {"UVCGAN": ["settings.pretraining=0.025"]}  # one step, so that both of its phases lie within a period


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return toy_store(tmp_path_factory.mktemp("slices"))


@pytest.fixture(params=registry.names())
def job(request, store, tmp_path):
    made = toy_job(tmp_path, trainer=registry.trainer_class(request.param), store=store, content_steps=PERIOD)
    plans = made.plans.override(SHORTENED.get(request.param, []))
    return dataclasses.replace(made, plans=complete(plans, made.trainer))


def begin(job):
    trainer = job.new_trainer(CPU).train()
    batches = Batches(BatchLoader(job.source()))
    return trainer, trainer.optimizers(), batches


def state(trainer):
    return {key: value.clone() for key, value in trainer.networks.state_dict().items()}


def steps(job, trainer, optimizers, batches, count, precision="fp32"):
    return [take_step(trainer, optimizers, next(batches), seed=job.seed, precision=precision) for _ in range(count)]


def test_every_network_moves_within_a_period(job):
    trainer, optimizers, batches = begin(job)
    before, fresh = state(trainer), {key: p.detach().clone() for key, p in trainer.networks.named_parameters()}
    steps(job, trainer, optimizers, batches, PERIOD)
    after = state(trainer)
    for name, _ in trainer.networks.named_children():
        own = [key for key in before if key.startswith(f"{name}.")]
        assert any(not torch.equal(before[key], after[key]) for key in own), name
    grouped = {id(p) for networks in trainer.groups().values() for network in networks for p in network.parameters()}
    assert grouped <= {id(p) for p in trainer.networks.parameters()}
    parameters = {key: p for key, p in trainer.networks.named_parameters() if id(p) in grouped and p.numel() > 1}
    still = {key for key, p in parameters.items() if torch.equal(p, fresh[key])}
    assert not still, f"parameters that no loss moves: {sorted(still)}"


def test_steps_are_finite_in_mixed_precision(job):
    trainer, optimizers, batches = begin(job)
    for losses in steps(job, trainer, optimizers, batches, 2 * PERIOD, "bf16"):
        assert all(bool(loss.isfinite()) for loss in losses.values()), losses
    assert all(bool(value.isfinite().all()) for value in state(trainer).values() if value.is_floating_point())
    assert {p.dtype for p in trainer.networks.parameters()} == {torch.float32}


@pytest.mark.parametrize("at", [PERIOD, PERIOD + 1])
def test_save_and_resume_equals_no_interruption(job, tmp_path, at):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, at)
    checkpoint.save(tmp_path / "c.pt", trainer, optimizers=optimizers)
    resumed = job.new_trainer(CPU).train()
    resumed_optimizers = resumed.optimizers()
    checkpoint.restore(checkpoint.load(tmp_path / "c.pt"), resumed, resumed_optimizers)
    loader = BatchLoader(job.source(), start=at)
    torch.rand(5)
    steps(job, resumed, resumed_optimizers, Batches(loader), 2 * PERIOD)
    steps(job, trainer, optimizers, batches, 2 * PERIOD)
    after = state(resumed)
    assert all(torch.equal(value, after[key]) for key, value in state(trainer).items())


def test_translate_keeps_shape_and_range_and_is_deterministic(job):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, PERIOD)
    batch = next(batches)
    trainer.train(False)
    before = state(trainer)
    with torch.inference_mode():
        for source, target in (("T1", "T2"), ("T2", "T1")):
            image = batch.images[source]
            made = trainer.translate(image, source, target)
            assert made.shape == image.shape
            assert made.dtype == torch.float32
            assert made.abs().max() <= 1
            torch.rand(5)
            assert torch.equal(made, trainer.translate(image, source, target))
            assert torch.allclose(made[:1], trainer.translate(image[:1], source, target), atol=1e-5)
            assert not torch.allclose(made, image)
    assert all(torch.equal(value, before[key]) for key, value in state(trainer).items())


def test_a_checkpoint_holds_tensors_and_plain_types_only(job, tmp_path):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, PERIOD)
    checkpoint.save(tmp_path / "c.pt", trainer, optimizers=optimizers)
    other = job.new_trainer(CPU)
    checkpoint.restore(torch.load(tmp_path / "c.pt", weights_only=True), other)
    assert all(torch.equal(value, state(other)[key]) for key, value in state(trainer).items())


def test_diagnostics_are_finite_numbers(job):
    trainer, optimizers, batches = begin(job)
    assert all(isinstance(value, float) for value in trainer.diagnostics().values())
    steps(job, trainer, optimizers, batches, 2 * PERIOD)
    assert all(isinstance(value, float) for value in trainer.diagnostics().values())


def test_unlabelled_slices_train_too(job, tmp_path):
    trainer, optimizers, batches = begin(job)
    for _ in range(PERIOD):
        batch = next(batches)
        bare = type(batch)(batch.images, {"T1": None, "T2": batch.labels["T2"]}, batch.subjects, batch.iteration)
        losses = take_step(trainer, optimizers, bare, seed=0)
        assert all(bool(loss.isfinite()) for loss in losses.values())
