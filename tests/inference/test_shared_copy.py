"""A copy to give away predicts the same and tells nothing of anybody."""

import numpy as np
import pytest
import torch

from hifisyn.cli.export_model import main
from hifisyn.errors import UserError
from hifisyn.files import write_json
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.shared_copy import share
from hifisyn.json_files import read_object
from hifisyn.methods.cyclegan.trainer import CycleGAN
from hifisyn.training.job import Options
from hifisyn.training.loop import train
from tests.support.report_toys import without_pictures
from tests.support.training_toys import toy_job, toy_store

SECRET = "patient4711"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model that was trained on patients with telling names."""
    folder = tmp_path_factory.mktemp("model") / "CycleGAN__plans__2d"
    with pytest.MonkeyPatch.context() as patch:
        without_pictures(patch)
        store = toy_store(folder.parent / "slices", {f"{SECRET}_{i}": ("T1", "T2") for i in range(6)})
        job = toy_job(folder, CycleGAN, store)
        job.folder.mkdir(parents=True)
        write_json(job.folder / "config.json", {"command": f"hifisyn_train /home/{SECRET}", "fold": 0, "epochs": 4})
        job.plans.save(folder / "plans.json")
        config = {"method": "CycleGAN", "domains": ["T1", "T2"], "dataset": "TOY", "command": SECRET}
        write_json(folder / "config.json", config)
        (folder / "dataset.json").write_text(SECRET)
        train(job, Options("cpu", workers=0))
        (job.folder / "samples").mkdir(exist_ok=True)
        (job.folder / "samples" / f"{SECRET}.png").write_bytes(b"slices")
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    assert main([str(trained), "-o", str(tmp_path / "copy")]) == 0
    return tmp_path / "copy"


@pytest.mark.slow
def test_the_copy_translates_as_the_model_does(trained, copy):
    slices = np.random.default_rng(0).uniform(-1, 1, (2, 24, 24)).astype(np.float32)
    one, other = (Predictor.from_folder(folder, device="cpu") for folder in (trained, copy))
    found, expected = (p.translate_slices(slices, "T1", "T2") for p in (other, one))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_the_copy_holds_nothing_of_patients_commands_and_optimisers(trained, copy):
    files = [file for file in copy.rglob("*") if file.is_file()]
    names = {str(file.relative_to(copy)) for file in files}
    of_fold = {"checkpoint_best.pt", "config.json", "training_scans.json", "validation/summary.json"}
    assert names == {"plans.json", "config.json", *(f"fold_0/{name}" for name in of_fold)}
    assert not any(SECRET.encode() in file.read_bytes() for file in files)
    content = torch.load(copy / "fold_0/checkpoint_best.pt", weights_only=True)
    assert content["optimizers"] is None
    assert set(content["progress"]) <= {"iteration", "epoch"}


@pytest.mark.slow
def test_the_copy_keeps_the_verdict(trained, copy):
    for name in ("config.json", "validation/summary.json"):
        before, after = (read_object(folder / "fold_0" / name)["verdict"] for folder in (trained, copy))
        assert before == after != {}


@pytest.mark.slow
def test_what_is_there_is_not_replaced_unasked(trained, copy):
    with pytest.raises(UserError, match="already exists"):
        share(trained, copy)
    (copy / "config.json").unlink()
    assert share(trained, copy, overwrite=True)
    assert (copy / "config.json").exists()
    with pytest.raises(UserError, match="another folder"):
        share(trained, trained, overwrite=True)
    with pytest.raises(UserError, match="model folder"):
        share(trained.parent, copy / "b")
