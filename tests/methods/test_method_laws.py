"""Laws that every registered method keeps."""

import dataclasses
import re

import pytest
import torch
from torch import nn

from hifisyn.directions import directions
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.json_files import read_json
from hifisyn.planning.planner import complete
from hifisyn.training import checkpoint, registry
from hifisyn.training.average import WeightAverage
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.request import Request, look_up
from hifisyn.training.step import take_step
from tests.support.training_toys import toy_dataset, toy_job, toy_plans, toy_store

CPU = torch.device("cpu")
PERIOD = 2
THREE = ("FLAIR", "T1", "T2")
MANY = [name for name in registry.names() if registry.trainer_class(name).NEEDS.most_domains is None]
TWO = [name for name in registry.names() if registry.trainer_class(name).NEEDS.most_domains == 2]
AVERAGED = {"StarGAN-v2": ["settings.ema=0"]}  # its own smoothed copies, as published, are not averaged again
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_steps_are_finite_in_mixed_precision(job):
    trainer, optimizers, batches = begin(job)
    for losses in steps(job, trainer, optimizers, batches, 2 * PERIOD, "bf16"):
        assert all(bool(loss.isfinite()) for loss in losses.values()), losses
    assert all(bool(value.isfinite().all()) for value in state(trainer).values() if value.is_floating_point())
    assert {p.dtype for p in trainer.networks.parameters()} == {torch.float32}


@pytest.mark.slow
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


@pytest.mark.slow
def test_translate_keeps_shape_and_range_and_is_deterministic(job):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, PERIOD)
    batch = next(batches)
    trainer.train(False)
    before = state(trainer)
    with torch.inference_mode():
        for source, target in (("T1", "T2"), ("T2", "T1")):
            image = batch.images[source]
            own = image[:, job.trainer.NEEDS.context, None]
            made = trainer.translate(image, source, target)
            assert made[:, :1].shape == own.shape
            assert made.shape[1] in (1, 2)  # the second: the logarithm of the expected error
            assert made.dtype == torch.float32
            assert made[:, :1].abs().max() <= 1
            torch.rand(5)
            assert torch.equal(made, trainer.translate(image, source, target))
            assert torch.allclose(made[:1], trainer.translate(image[:1], source, target), atol=1e-5)
            assert not torch.allclose(made[:, :1], own)
    assert all(torch.equal(value, before[key]) for key, value in state(trainer).items())


@pytest.mark.slow
def test_a_checkpoint_holds_tensors_and_plain_types_only(job, tmp_path):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, PERIOD)
    checkpoint.save(tmp_path / "c.pt", trainer, optimizers=optimizers)
    other = job.new_trainer(CPU)
    checkpoint.restore(torch.load(tmp_path / "c.pt", weights_only=True), other)
    assert all(torch.equal(value, state(other)[key]) for key, value in state(trainer).items())


@pytest.mark.slow
def test_diagnostics_are_finite_numbers(job):
    trainer, optimizers, batches = begin(job)
    assert all(isinstance(value, float) for value in trainer.diagnostics().values())
    steps(job, trainer, optimizers, batches, 2 * PERIOD)
    assert all(isinstance(value, float) for value in trainer.diagnostics().values())


@pytest.mark.slow
def test_unlabelled_slices_train_too(job, tmp_path):
    trainer, optimizers, batches = begin(job)
    for _ in range(PERIOD):
        batch = next(batches)
        bare = type(batch)(batch.images, {"T1": None, "T2": batch.labels["T2"]}, batch.subjects, batch.iteration)
        losses = take_step(trainer, optimizers, bare, seed=0)
        assert all(bool(loss.isfinite()) for loss in losses.values())


def fresh_names(method, domains):
    """Return the names of the weights of an untrained method and their shapes."""
    trainer = registry.trainer_class(method)(toy_plans(method, domains=("T1", "T2", "FLAIR")), domains)
    return {name: tuple(tensor.shape) for name, tensor in trainer.networks.state_dict().items()}


def bears(name, contrast):
    return contrast in re.split(r"[._]", name)


@pytest.mark.parametrize("method", registry.names())
def test_weights_bear_the_names_of_contrasts_and_not_their_places(method):
    # T1 is the first of one pair and the second of the other; D^c of two contrasts has one logit, the second's.
    pairs = (("T1", "T2"), "T2"), (("FLAIR", "T1"), "FLAIR")
    states = [fresh_names(method, pair) for pair, _ in pairs]
    if f"content_discriminator.last.{pairs[0][1]}.weight" in states[0]:
        assert {n for n in states[1] if n.startswith("content_discriminator.last.")} == {
            f"content_discriminator.last.T1.{kind}" for kind in ("weight", "bias")
        }
    one, other = (
        {name: shape for name, shape in state.items() if not name.startswith("content_discriminator.last.")}
        for state in states
    )
    assert {n: shape for n, shape in one.items() if not bears(n, "T2")} == {
        n: shape for n, shape in other.items() if not bears(n, "FLAIR")
    }
    assert {n.replace("T2", "FLAIR"): shape for n, shape in one.items() if bears(n, "T2")} == {
        n: shape for n, shape in other.items() if bears(n, "FLAIR")
    }
    assert any(bears(n, "T1") for n in one)


@pytest.mark.slow
def test_the_translator_is_a_module_of_the_networks_own_weights_that_can_be_exported(job):
    trainer, optimizers, batches = begin(job)
    steps(job, trainer, optimizers, batches, PERIOD)
    trainer.train(False)
    storage = {tensor.data_ptr() for tensor in trainer.networks.state_dict().values()}
    for source, target in trainer.directions:
        translator, image = trainer.translator(source, target), next(batches).images[source]
        assert isinstance(translator, nn.Module)
        assert {tensor.data_ptr() for tensor in translator.state_dict().values()} <= storage
        exported = torch.export.export(translator.eval(), (image,)).module()
        with torch.no_grad():
            made = trainer.translate(image, source, target)
            torch.testing.assert_close(exported(image), made, atol=1e-6, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("method", MANY)
def test_three_contrasts_train_and_translate_in_every_direction(method, tmp_path):
    store = toy_store(tmp_path / "slices", {f"c{i}": THREE for i in range(8)})
    trainer_class = registry.trainer_class(method)
    job = toy_job(tmp_path, trainer=trainer_class, store=store, domains=THREE, content_steps=PERIOD)
    trainer, optimizers, batches = begin(job)
    before, fresh = state(trainer), {name: p.detach().clone() for name, p in trainer.networks.named_parameters()}
    for losses in steps(job, trainer, optimizers, batches, 8 * PERIOD):
        assert all(bool(loss.isfinite()) for loss in losses.values()), losses
    after, grouped = state(trainer), {id(p) for group in trainer.groups() for p in trainer.parameters(group)}
    assert all(bool(value.isfinite().all()) for value in after.values() if value.is_floating_point())
    assert set(after) == set(before)
    moved = {n: p for n, p in trainer.networks.named_parameters() if id(p) in grouped and p.numel() > 1}
    assert not [name for name, p in moved.items() if torch.equal(p, fresh[name])]
    trainer.train(False)
    context = trainer_class.NEEDS.context
    image = torch.from_numpy(store.neighbours("c7", "T1", None, context)[:2, :, 4:20, 4:20]).float()
    made = {}
    with torch.inference_mode():
        for source, target in directions(THREE):
            made[source, target] = trainer.translate(image, source, target)
            assert made[source, target][:, :1].shape == image[:, :1].shape
            assert made[source, target][:, :1].abs().max() <= 1
            assert torch.equal(made[source, target], trainer.translate(image, source, target))
    for source in THREE:
        one, other = (image for (s, _), image in made.items() if s == source)
        assert not torch.allclose(one, other)


def three_of_toy(method, home):
    """Return the request of a training on three contrasts of a data set that has them."""
    trainer = registry.trainer_class(method)
    roots = toy_dataset(home, trainer)
    toy_store(roots.preprocessed / "TOY" / "plans_2d", {f"c{i}": THREE for i in range(8)})
    toy_plans(trainer, domains=("T1", "T2", "FLAIR")).save(roots.preprocessed / "TOY" / "plans.json")
    raw = roots.raw / "TOY" / "dataset.json"
    write_json(raw, read_json(raw) | {"channel_names": {"0": "T1", "1": "T2", "2": "FLAIR"}})
    return Request("TOY", ("T1", "T2", "FLAIR"), 0, method=method, roots=roots)


@pytest.mark.slow
@pytest.mark.parametrize("method", TWO)
def test_a_third_contrast_is_refused_in_one_line_by_methods_of_two(method, tmp_path):
    with pytest.raises(UserError) as error:
        look_up(three_of_toy(method, tmp_path))
    assert (error.value.what, error.value.got) == (f"contrasts of {method} must be 2 in a training", "3")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", MANY)
def test_a_third_contrast_is_taken_by_methods_of_many(method, tmp_path):
    job, _ = look_up(three_of_toy(method, tmp_path))
    assert job.domains == THREE
    assert job.folder.parent.parent.name == "FLAIR_T1_T2"


def test_every_method_says_how_many_contrasts_it_takes():
    assert sorted([*MANY, *TWO]) == registry.names()
    assert "HiFiSyn" in MANY


@pytest.mark.slow
def test_averaged_weights_translate_and_give_the_others_back(job):
    plans = job.plans.override(AVERAGED.get(job.plans.method, []))
    job = dataclasses.replace(job, plans=complete(plans, job.trainer))
    trainer, optimizers, batches = begin(job)
    average = WeightAverage(trainer.networks, trainer.averaged(), 0.9)
    for _ in range(3 * PERIOD):
        steps(job, trainer, optimizers, batches, 1)
        average.update()
    batch = next(batches)
    trainer.train(False)

    def translate(translating):
        with torch.inference_mode():
            return [translating.translate(batch.images[s], s, t) for s, t in trainer.directions]

    raw, before = translate(trainer), state(trainer)
    with average.applied():
        made, again = translate(trainer), translate(trainer)
    for one, other, live in zip(made, again, raw, strict=True):
        assert torch.equal(one, other)
        assert one[:, :1].abs().max() <= 1
        assert not torch.equal(one, live)
    assert all(torch.equal(value, before[name]) for name, value in state(trainer).items())
    assert all(torch.equal(one, other) for one, other in zip(translate(trainer), raw, strict=True))

    torch.manual_seed(77)
    other = registry.trainer_class(job.plans.method)(job.plans, job.domains).train(False)
    other.networks.load_state_dict(before)
    loaded = WeightAverage(other.networks, other.averaged(), 0.9)
    kept = average.state()
    loaded.load(kept)
    assert all(torch.equal(value, before[name]) for name, value in state(other).items())
    found = loaded.state()
    assert found["steps"] == kept["steps"] == 3 * PERIOD
    assert set(found["weights"]) == set(kept["weights"])
    assert all(torch.equal(value, kept["weights"][name]) for name, value in found["weights"].items())
    with loaded.applied():
        assert all(torch.equal(one, two) for one, two in zip(translate(other), made, strict=True))
