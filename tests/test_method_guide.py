"""The guide to writing a method is true: its example trains, resumes nothing but weights, and translates."""

# mypy: no-check-untyped-defs
import re
from pathlib import Path

import torch
from hifisyn.training.settings import adapted

from hifisyn.training.registry import trainer_class
from hifisyn.training.step import take_step
from tests.overfit import PAIR, small_batch
from tests.training_toys import toy_plans

GUIDE = Path(__file__).parent.parent / "documentation/how_to/write_a_method.md"


def test_the_example_of_the_guide_learns(tmp_path, monkeypatch):
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[0]
    (tmp_path / "round_trip.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    method = trainer_class("round_trip:RoundTrip")
    plans = adapted(toy_plans().override(["slices.size=32", "slices.crop=32", "training.lr=1e-3"]), method)
    assert plans.training.lr == 2e-3
    assert plans.method == {"cycle": 10.0}
    torch.manual_seed(0)
    trainer = method(plans, PAIR).train()
    optimizers = trainer.optimizers()
    losses = [take_step(trainer, optimizers, small_batch(32, i), seed=0)["generator/cycle"] for i in range(30)]
    assert losses[-1] < losses[0] / 2
    image = small_batch().images["T1"]
    made = trainer.train(False).translate(image, "T1", "T2")
    assert made.shape == image.shape
    assert made.abs().max() <= 1
