"""A new method is one folder beside the others and nothing else: it is planned, trained, listed and translates."""

# mypy: no-check-untyped-defs
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hifisyn.methods
from hifisyn.cli.train import main
from hifisyn.experiments.methods import method_rows
from hifisyn.inference.predictor import Predictor
from hifisyn.planning.planner import complete
from hifisyn.training import checkpoint, registry
from tests.planning.test_planner import DEMO, fingerprint, plan
from tests.support.training_toys import toy_dataset

pytestmark = pytest.mark.usefixtures("no_pictures")

GUIDE = Path(__file__).parents[2] / "documentation/how_to/write_a_method.md"
SMALL = ["--set", "width=4", "n_down=1", "--epochs", "1", "--iterations", "2", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Put the guide's example, as trainer.py and settings.py, into a folder beside those of hifisyn.methods."""
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[0]
    settings = re.search(r"class RoundTripSettings.*?\n\n\n", code, flags=re.DOTALL).group()
    imports = code[: code.index("class RoundTripSettings")]
    own = tmp_path / "methods" / "round_trip"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text('"""A round trip."""\n')
    (own / "settings.py").write_text(imports + settings)
    link = "from hifisyn.methods.round_trip.settings import RoundTripSettings\n\n\n"
    (own / "trainer.py").write_text(imports + link + code[len(imports) :].replace(settings, ""))
    monkeypatch.setattr(hifisyn.methods, "__path__", [*hifisyn.methods.__path__, str(own.parent)])
    registry.trainers.cache_clear()
    yield own
    registry.trainers.cache_clear()
    for module in [name for name in sys.modules if name.startswith("hifisyn.methods.round_trip")]:
        del sys.modules[module]
    vars(hifisyn.methods).pop("round_trip", None)


def test_a_folder_is_a_method_that_is_listed_and_planned(folder):
    assert "RoundTrip" in registry.names()
    trainer = registry.trainer_class("RoundTrip")
    assert trainer.__module__ == "hifisyn.methods.round_trip.trainer"
    (row,) = [row for row in method_rows() if row.method == "RoundTrip"]
    assert row.name == "RoundTrip"
    plans = plan(fingerprint(), DEMO, trainer)
    assert complete(plans, trainer).method == "RoundTrip"
    assert plans.settings["cycle"] == 10.0
    assert plans.settings["networks"]["width"] > 1


def test_a_folder_is_a_method_that_trains_and_translates(folder, tmp_path):
    roots = toy_dataset(tmp_path)
    where = ["--raw", roots.raw, "--preprocessed", roots.preprocessed, "--results", roots.results]
    assert main(["TOY", "T1", "T2", "fold0", "-tr", "RoundTrip", *SMALL, *map(str, where)]) == 0
    (model,) = (roots.results / "TOY" / "T1_T2").iterdir()
    assert model.name.startswith("RoundTrip__plans__2d__")
    trained = checkpoint.load(model / "fold_0" / checkpoint.FINAL)
    assert trained["progress"]["iteration"] == 2
    assert all(bool(torch.isfinite(weight).all()) for weight in trained["networks"].values())
    slices = np.zeros((2, 16, 16), dtype=np.float32)
    assert Predictor.from_folder(model, device="cpu").translate_slices(slices, "T1", "T2").shape == slices.shape


def test_nothing_of_a_folder_stays_when_it_is_gone():
    assert "RoundTrip" not in registry.names()
