import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from hifisyn.base import weights
from hifisyn.base.heads import Heads, simulate
from hifisyn.base.naming import NUMBERS, Naming, describe, likeliest
from hifisyn.base.naming_fit import fit_naming
from hifisyn.base.settings import InputSettings, SimulationSettings
from hifisyn.base.shipped import shipped
from hifisyn.base.translate import BaseModel
from hifisyn.base.unet import BaseNetwork
from hifisyn.errors import FileError

PLAIN = Naming((0.0,) * 4, (1.0,) * 4, ((1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0)), (0.0, 0.0, 0.0))
CSF, GM, WM = 0, 1, 2
T1, T2, FLAIR = (0.1, 0.5, 0.9), (1.0, 0.5, 0.3), (0.0, 0.8, 0.6)


@pytest.fixture(scope="module")
def tissues():
    return np.random.default_rng(0).choice(3, (3, 20, 20), p=(0.2, 0.45, 0.35))


def image(tissues, look, seed=0):
    return np.array(look)[tissues] + np.random.default_rng(seed).normal(0, 0.01, tissues.shape)


def test_numbers_are_those_of_the_tissues(tissues):
    made = {"T1": image(tissues, T1, 1), "T2": image(tissues, T2, 2)}
    brain = np.ones(tissues.shape, bool)
    likes = {name: describe(image(tissues, look), made, brain) for name, look in (("T1", T1), ("T2", T2), ("F", FLAIR))}
    assert likes["T1"][0] > 0.5 > -0.5 > likes["F"][0]
    assert likes["T2"][1] > 0.5 > -0.5 > likes["T1"][1]
    assert likes["T2"][2] > 0.9
    assert likes["T1"][2] < 0.1
    assert likes["F"][2] < 0.1
    np.testing.assert_allclose(likes["F"][3], 0.6 / 0.8, atol=0.05)


def test_correlation_is_spearmans_in_tissue_and_gain_does_not_matter(tissues):
    rng = np.random.default_rng(3)
    made = {"T1": image(tissues, T1, 1), "T2": image(tissues, T2, 2)}
    brain = rng.random(tissues.shape) < 0.8
    given = image(tissues, FLAIR) + rng.normal(0, 0.2, tissues.shape)
    watery = made["T2"][brain] - made["T1"][brain]
    tissue = watery < np.quantile(watery, 0.65)
    found = describe(given, made, brain)
    for place, target in enumerate(("T1", "T2")):
        expected = spearmanr(given[brain][tissue], made[target][brain][tissue]).statistic
        assert found[place] == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(describe(3 * given + 7, made, brain), found, atol=1e-4)


def test_an_even_image_is_like_nothing(tissues):
    made = {"T1": image(tissues, T1, 1), "T2": image(tissues, T2, 2)}
    found = describe(np.zeros(tissues.shape), made, np.ones(tissues.shape, bool))
    np.testing.assert_allclose(found, 0, atol=1e-9)


def test_likelihoods_are_a_softmax():
    found = PLAIN.likelihoods(np.array([2.0, 1.0, 0.0, 5.0]))
    odds = np.exp([2.0, 1.0, 0.0])
    np.testing.assert_allclose(list(found.values()), odds / odds.sum())
    assert likeliest(found) is None
    assert likeliest(PLAIN.likelihoods(np.array([0.0, 9.0, 0.0, 0.0]))) == "T2"


def test_weights_keep_the_naming_and_refuse_another(tmp_path):
    file = tmp_path / "base.safetensors"
    weights.write(file, BaseNetwork(4), {}, naming=PLAIN)
    assert weights.read(file).naming == PLAIN
    assert BaseModel.load(file).naming == PLAIN
    for wrong in ({"mean": [0.0]}, {"spread": [float("nan")] * 4}, {"spread": [0.0] * 4}, {"weights": [[1.0] * 4]}):
        broken = Naming(**{**json.loads(PLAIN.to_json()), **wrong})
        weights.write(file, BaseNetwork(4), {}, naming=broken)
        with pytest.raises(FileError, match="broken"):
            weights.read(file)


def test_a_model_that_was_not_fitted_names_nothing():
    model = BaseModel(BaseNetwork(4).eval())
    assert model.name(np.zeros((3, 16, 16), np.float32), 2.0) == {}
    fitted = BaseModel(BaseNetwork(4).eval(), naming=PLAIN)
    assert fitted.name(np.full((3, 16, 16), -1, np.float32), 2.0) == {}


@pytest.mark.slow
def test_simulated_contrasts_are_named_by_the_shipped_model_and_by_a_new_fit(tmp_path):
    """Heads that the shipped model never saw: those of the phantom."""
    settings = SimulationSettings(heads=4, size=96)
    heads = Heads(Path(tmp_path), simulate(tmp_path, None, 7, settings, processes=1))
    model = shipped()
    assert model.naming is not None
    assert len(model.naming.mean) == len(NUMBERS)
    new = BaseModel(model.network, naming=fit_naming(model, heads, InputSettings(), 0))
    right = {model.sha256: 0, "": 0}
    for head in heads.heads:
        places = list(range(head.slices))
        for contrast in ("T1", "T2", "FLAIR"):
            stack = heads.image(head, contrast, places)
            for one in (model, new):
                likely = one.name(stack, head.pixel_mm)
                right[one.sha256] += max(likely, key=lambda name: likely[name]) == contrast
    assert right[model.sha256] >= 9
    assert right[""] >= 10
