"""Models and splits from elsewhere: what they hold stays data, and what cannot be true is one line."""

import shutil

import numpy as np
import pytest
import torch

from hifisyn.dataset import Dataset
from hifisyn.errors import UserError
from hifisyn.evaluation.model_task import look_up as look_up_evaluation
from hifisyn.files import write_json
from hifisyn.inference.models import find_models, read_model
from hifisyn.inference.predictor import Predictor
from hifisyn.json_files import read_object
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.networks import tensor_files, weights_file
from hifisyn.planning.splits import Splits
from hifisyn.training import checkpoint
from hifisyn.training.request import Request, look_up
from tests.support.training_toys import toy_dataset, toy_plans


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return toy_dataset(tmp_path_factory.mktemp("home"), CycleGAN)


@pytest.fixture
def model(tmp_path):
    """A model folder of one fold with untrained weights."""
    folder = tmp_path / "results/TOY/T1_T2/CycleGAN__plans__2d"
    plans = toy_plans(CycleGAN)
    checkpoint.save(folder / "fold_0/checkpoint_best.pt", CycleGAN(plans, ("T1", "T2")))
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": "CycleGAN", "domains": ["T1", "T2"], "dataset": "TOY"})
    return folder


def edit(model, change, *, sealed=True):
    """Change the content of the checkpoint; sealed: its sum fits what it holds then."""
    file = model / "fold_0/checkpoint_best.pt"
    content = torch.load(file, weights_only=True)
    change(content)
    if sealed:
        content[tensor_files.SUM] = tensor_files.sum_of(content)
    torch.save(content, file)


def load(model):
    return Predictor.from_folder(model, device="cpu")


def refused(model, words):
    with pytest.raises(UserError, match=words) as error:
        load(model)
    assert "\n" not in str(error.value)
    assert "weights_only" not in str(error.value)


def test_a_sound_model_is_loaded(model):
    slices = np.full((1, 24, 24), -0.5, np.float32)
    assert np.isfinite(load(model).translate_slices(slices, "T1", "T2")).all()


def test_a_model_cannot_name_a_module_to_import(model, tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    edit(model, lambda content: content["plans"].update(method="evil_module:X"))
    refused(model, "must be of a method of hifisyn")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(model, value):
    def spoil(content):
        next(t for t in content["networks"].values() if t.is_floating_point()).view(-1)[0] = value

    edit(model, spoil)
    refused(model, "finite weights")


def test_an_answer_that_is_not_finite_is_refused(model, monkeypatch):
    predictor = load(model)
    monkeypatch.setattr(Predictor, "translator", lambda *_: torch.nn.Threshold(2, float("nan")))
    with pytest.raises(UserError, match="finite values"):
        predictor.translate_slices(np.zeros((1, 24, 24), np.float32), "T1", "T2")


def test_weights_that_changed_on_the_disk_are_refused(model):
    def flip(content):
        next(t for t in content["networks"].values() if t.is_floating_point()).view(-1)[0] += 0.25

    edit(model, flip, sealed=False)
    refused(model, "SHA-256")


@pytest.mark.parametrize("key", ["domains", "plans", "networks", "average"])
def test_parts_of_another_type_are_refused(model, key):
    edit(model, lambda content: content.update({key: 3}), sealed=False)
    refused(model, "must hold domains, plans and weights|SHA-256")


def test_networks_far_larger_than_their_weights_are_not_built(model):
    edit(model, lambda content: content["plans"]["settings"]["networks"].update(width=4096))
    refused(model, "must have weights for the networks|width")


WRONG_FILES = {
    "text": b"hello",
    "empty": b"",
    "pickle": b"\x80\x04K\x01.",
    "image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "zip": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("content", WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_file_is_no_checkpoint(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(UserError, match="must be a checkpoint"):
        checkpoint.load(tmp_path / "a.pt")


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(UserError, match="got a folder"):
        checkpoint.load(tmp_path)


def test_the_name_of_a_contrast_leads_nowhere(model):
    config = read_object(model / "config.json")
    write_json(model / "config.json", config | {"domains": ["T1", "../../T2"]})
    with pytest.raises(UserError, match="letters and digits"):
        read_model(model)


def test_a_broken_model_does_not_stop_the_others(model):
    broken = model.with_name("Broken__plans__2d")
    shutil.copytree(model, broken)
    (broken / "plans.json").write_text("[" * 100_000)
    shutil.copytree(model / "fold_0", model / "fold_0_backup")
    assert [found.folder for found in find_models(model.parents[2])] == [model]


@pytest.mark.parametrize(
    "key", ["length.epochs", "length.iterations", "optimisation.batch_size", "slices.size", "slices.per_case"]
)
def test_plans_have_upper_bounds(key):
    with pytest.raises(UserError, match=r"must be (at most|less than or equal to)"):
        toy_plans(CycleGAN, f"{key}=1000000000000")


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_plans_are_finite(text):
    plans = toy_plans(CycleGAN)
    content = plans.model_dump(mode="json")
    content["optimisation"]["lr"] = float(text)
    with pytest.raises(UserError, match=r"optimisation\.lr"):
        type(plans).checked(content, "plans.json")


def test_half_precision_weights_are_finite(tmp_path):
    weights_file.write(tmp_path / "a.safetensors", "form", {"w": torch.tensor([1.0, float("inf")])}, {})
    with pytest.raises(UserError, match="finite weights"):
        weights_file.read(tmp_path / "a.safetensors", "form")


def held_out(splits):
    splits["test"] = [splits["folds"][0]["train"][0]]


def validated(splits):
    splits["folds"][0]["val"].append(splits["folds"][0]["train"][0])


@pytest.mark.parametrize("change", [held_out, validated])
def test_no_fold_trains_on_a_case_that_it_is_judged_by(roots, model, change):
    file = roots.preprocessed / "TOY/splits_final.json"
    sound = file.read_text()
    content = read_object(file)
    change(content)
    write_json(file, content)
    try:
        with pytest.raises(UserError, match="must not share"):
            look_up(Request("TOY", ("T1", "T2"), 0, roots=roots))
        with pytest.raises(UserError, match="must not share"):
            look_up_evaluation(model, roots.preprocessed)
    finally:
        file.write_text(sound)


def test_sessions_of_a_subject_stand_on_one_side_wherever_splits_are_read(roots, model):
    raw = read_object(roots.raw / "TOY/dataset.json")
    file = roots.preprocessed / "TOY/dataset.json"
    write_json(file, raw | {"subjects": {case: case if case != "c0" else "c2" for case in raw["subjects"]}})
    try:
        with pytest.raises(UserError, match="must not share a subject"):
            look_up_evaluation(model, roots.preprocessed)
    finally:
        file.unlink()
    assert Splits.of_dataset(roots.preprocessed / "TOY", Dataset.load(roots.raw / "TOY")).test == ()
