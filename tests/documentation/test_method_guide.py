"""The guide to writing a method is true: its example trains, resumes nothing but weights, and translates."""

# mypy: no-check-untyped-defs
import re
import sys
from pathlib import Path

import pytest
import torch

from hifisyn.directions import directions
from hifisyn.errors import UserError
from hifisyn.training.batches import Batches, BatchLoader
from hifisyn.training.registry import trainer_class
from hifisyn.training.step import take_step
from tests.support.overfit import PAIR, small_batch
from tests.support.training_toys import toy_job, toy_plans, toy_store

GUIDE = Path(__file__).parents[2] / "documentation/how_to/write_a_method.md"


@pytest.fixture
def method(tmp_path, monkeypatch):
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[0]
    (tmp_path / "round_trip.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "round_trip", raising=False)
    return trainer_class("round_trip:RoundTrip")


def test_the_example_of_the_guide_learns(method):
    plans = toy_plans(method, "slices.size=32", "slices.crop=32", "optimisation.lr=2e-3")
    assert toy_plans(method).optimisation.lr == pytest.approx(100 * 2e-4)  # the toys' rates are 100 times the published
    assert plans.settings == {"networks": {"width": 4, "n_down": 1}, "cycle": 10.0}
    torch.manual_seed(0)
    trainer = method(plans, PAIR).train()
    optimizers = trainer.optimizers()
    losses = [take_step(trainer, optimizers, small_batch(32, i), seed=0)["generator/cycle"] for i in range(30)]
    assert losses[-1] < losses[0] / 2
    image = small_batch().images["T1"]
    made = trainer.train(False).translate(image, "T1", "T2")
    assert made.shape == image.shape
    assert made.abs().max() <= 1


def test_the_example_trains_on_three_contrasts_and_names_its_weights_by_them(method, tmp_path):
    domains = ("FLAIR", "T1", "T2")
    store = toy_store(tmp_path / "slices", {f"c{i}": domains for i in range(8)})
    job = toy_job(tmp_path, trainer=method, store=store, domains=domains)
    trainer = job.new_trainer(torch.device("cpu")).train()
    optimizers, batches = trainer.optimizers(), Batches(BatchLoader(job.source()))
    for _ in range(4):
        losses = take_step(trainer, optimizers, next(batches), seed=0)
        assert all(bool(loss.isfinite()) for loss in losses.values())
    assert {name.split(".")[1] for name in trainer.networks.state_dict()} == set(domains)
    image = torch.from_numpy(store.image("c0", "T1")[:1, None, 4:20, 4:20]).float()
    with torch.inference_mode():
        assert all(trainer.translate(image, s, t).shape == image.shape for s, t in directions(domains))
    with pytest.raises(UserError, match="cycle"):
        toy_plans(method, "cycle=-1")
