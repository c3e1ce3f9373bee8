"""Averaged weights: a hand-made recurrence, where they are used, and that a resume goes on with them."""

# mypy: no-check-untyped-defs
from dataclasses import replace

import pytest
import torch

from hifisyn.plans import Plans
from hifisyn.training import checkpoint
from hifisyn.training.average import WeightAverage
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from hifisyn.training.step import take_step
from tests.support.training_toys import Toy, toy_job, toy_plans

pytestmark = pytest.mark.usefixtures("no_pictures")

CPU = torch.device("cpu")
QUIET = Options(device="cpu")


def averaged_job(tmp_path, **changes):
    job = toy_job(tmp_path, **changes)
    return replace(job, plans=job.plans.override(["optimisation.average=0.25"]))


def test_it_is_the_recurrence_with_its_warm_up():
    net = torch.nn.Linear(2, 1, bias=False)
    average = WeightAverage(net, [net], decay=0.5)
    mean = net.weight.detach().double().clone()
    for n in range(12):
        with torch.no_grad():
            net.weight.copy_(torch.tensor([[float(n), -(float(n) ** 2)]]))
        average.update()
        kept = min(0.5, (1 + n) / (10 + n))
        mean = kept * mean + (1 - kept) * net.weight.detach().double()
    with average.applied():
        assert torch.allclose(net.weight.double(), mean, atol=1e-4)
    state = average.state()  # of a network that is no part of another
    assert list(state["weights"]) == ["weight"]
    again = WeightAverage(net, [net], decay=0.5)
    again.load(state)
    with again.applied():
        assert torch.allclose(net.weight.double(), mean, atol=1e-4)
    assert net.weight.tolist() == [[11.0, -121.0]]


def test_weights_come_back_after_an_error():
    net = torch.nn.Linear(2, 1)
    average = WeightAverage(net, [net], decay=0.9)
    with torch.no_grad():
        net.weight.fill_(3.0)
    with pytest.raises(ZeroDivisionError), average.applied():
        raise ZeroDivisionError
    assert net.weight.eq(3.0).all()


def test_only_what_makes_images_is_averaged_and_buffers_are_copied(tmp_path):
    job = averaged_job(tmp_path)
    trainer = job.new_trainer(CPU).train()
    average = WeightAverage(trainer.networks, trainer.averaged(), 0.9)
    optimizers, batches = trainer.optimizers(), Batches(BatchLoader(job.source()))
    for _ in range(4):
        take_step(trainer, optimizers, next(batches), average=average, seed=0)
    raw = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    with average.applied():
        used = {name: tensor.clone() for name, tensor in trainer.networks.state_dict().items()}
    different = {name for name in raw if not torch.equal(raw[name], used[name])}
    assert different == {name for name in raw if name.startswith("generator.")}
    assert set(average.state()["weights"]) == different
    assert raw["bank.count"] == 2


@pytest.mark.parametrize(
    ("share", "steps", "decay"), [(0.13, 1500, 1 - 1 / 195), (0.13, 50_000, 0.999), (0.0, 1500, 0.0), (0.5, 1, 0.0)]
)
def test_the_decay_follows_from_the_length_of_the_run(share, steps, decay):
    plans = toy_plans(Toy).override([f"optimisation.average={share}", f"length.epochs={steps}", "length.iterations=1"])
    assert isinstance(plans, Plans)
    assert plans.average_decay == pytest.approx(decay)


@pytest.mark.slow
def test_best_and_final_hold_the_averaged_weights_and_latest_both(tmp_path):
    job = averaged_job(tmp_path)
    assert train(job, QUIET) == 0
    final, latest = (checkpoint.load(job.folder / name) for name in (checkpoint.FINAL, checkpoint.LATEST))
    averaged = latest["average"]["weights"]
    assert latest["average"]["steps"] == job.plans.length.total
    assert final["average"] is None
    assert all(torch.equal(final["networks"][name], tensor) for name, tensor in averaged.items())
    assert not any(torch.equal(latest["networks"][name], tensor) for name, tensor in averaged.items())
    for content in (final, latest):  # prediction sees the same, whichever it loads
        trainer = job.new_trainer(CPU)
        checkpoint.restore(content, trainer)
        assert all(torch.equal(trainer.networks.state_dict()[name], tensor) for name, tensor in averaged.items())


@pytest.mark.slow
def test_validation_sees_the_averaged_weights_and_training_goes_on_with_its_own(tmp_path):
    plain, averaged = toy_job(tmp_path / "plain"), averaged_job(tmp_path / "averaged")
    averaged = replace(averaged, store=plain.store)
    assert train(plain, QUIET) == train(averaged, QUIET) == 0
    own, other = (checkpoint.load(job.folder / checkpoint.LATEST) for job in (plain, averaged))
    assert all(torch.equal(own["networks"][name], tensor) for name, tensor in other["networks"].items())
    rows = [content["progress"]["rows"][-1]["T1_to_T2/psnr"] for content in (own, other)]
    assert rows[0] != rows[1]


@pytest.mark.slow
def test_a_resumed_run_averages_as_an_uninterrupted_one(tmp_path):
    class Interrupted(Toy):
        at = 23

        def after_step(self):
            super().after_step()
            if self.iteration == self.at:
                raise KeyboardInterrupt

    whole = averaged_job(tmp_path / "whole")
    assert train(whole, QUIET) == 0
    broken = replace(averaged_job(tmp_path / "broken"), store=whole.store, trainer=Interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(broken, QUIET)
    Interrupted.at = -1
    assert train(broken, replace(QUIET, resume=True)) == 0
    for name in (checkpoint.FINAL, checkpoint.BEST):
        one, other = (checkpoint.load(job.folder / name)["networks"] for job in (whole, broken))
        assert all(torch.equal(tensor, other[key]) for key, tensor in one.items())
