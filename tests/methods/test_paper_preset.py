"""The preset `paper` does not drift: every planned value, and the losses of ten steps, of the thirteen methods."""

# mypy: no-check-untyped-defs
import json
from pathlib import Path

import pytest
import torch

from hifisyn.evaluation.adapted_rows import competes
from hifisyn.planning import planner
from hifisyn.planning.device import Device
from hifisyn.planning.planner import complete
from hifisyn.training.registry import names, trainer_class
from hifisyn.training.step import take_step
from tests.planning.test_planner import fingerprint
from tests.support.overfit import PAIR, small_batch
from tests.support.training_toys import having

FROZEN = json.loads((Path(__file__).parents[1] / "support/frozen_paper.json").read_text())
METHODS = [name for name in names() if competes(name)]  # the paper has no pairs and no base model
PARTS = ("slices", "optimisation", "batches", "length", "settings")
LAPTOP = Device("cpu", 8, 2, minutes=4)
SMALL = ["slices.size=32", "slices.crop=32", "networks.width=8", "memory.value_width=16"]
PHASES = {"UVCGAN": ["settings.pretraining=0.00001"]}  # so that five of ten steps come after pre-training


def paper(method):
    return planner.plan(fingerprint(), LAPTOP, trainer_class(method), method_name=method, preset="paper")


def test_every_method_is_frozen():
    assert set(FROZEN["plan"]) == set(FROZEN["losses"]) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_the_plan_is_the_published_one_on_any_device(method):
    written = paper(method).model_dump(mode="json")
    assert written["preset"] == "paper"
    assert {part: written[part] for part in PARTS} == FROZEN["plan"][method]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_ten_steps_have_the_same_losses(method):
    trainer, plans = trainer_class(method), paper(method)
    small = [*having(plans, SMALL), *PHASES.get(method, [])]
    torch.manual_seed(0)
    fresh = trainer(complete(plans.override(small), trainer), PAIR).train()
    optimizers = fresh.optimizers()
    for step, frozen in enumerate(FROZEN["losses"][method]):
        losses = take_step(fresh, optimizers, small_batch(32, step), seed=0)
        assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(frozen, rel=1e-3, abs=1e-5)
