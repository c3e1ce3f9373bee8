"""A scan that looks unlike those of the training is told: in its line, in the last lines, and in the sidecar."""

import json

import pytest

from hifisyn.cli.predict import main
from hifisyn.files import write_json
from hifisyn.inference import unlike
from hifisyn.inference.unlike import Likeness
from hifisyn.plans import Plans
from hifisyn.preprocessing.prepare import prepare_source
from hifisyn.training.likeness import Look, Trait
from hifisyn.volume import Volume
from tests.inference.test_predict import make_model, save_scan

SURE_T2 = {"T1": 0.01, "T2": 0.97, "FLAIR": 0.02}
UNSURE = {"T1": 0.04, "T2": 0.7, "FLAIR": 0.26}


@pytest.fixture
def predicted(tmp_path, capsys):
    """Return a run with looks in its model folder: sidecar and what was printed."""
    folder = make_model(tmp_path / "results", "T1", "T2")
    scan = save_scan(tmp_path / "raw" / "a_T1.nii.gz")
    plans = Plans.load(folder / "plans.json")
    own = unlike.numbers_of(prepare_source(Volume.load(scan), "T1", plans, stripped=True), "T1")

    def run(change):
        numbers = {name: value + change.get(name, 0) for name, value in own.items()}
        write_json(folder / "fold_0" / "training_scans.json", {"T1": Look.of([numbers] * 8).as_json()})
        out = tmp_path / "synth"
        words = ["-i", str(scan), "-o", str(out), "--model", str(folder), "--device", "cpu", "--overwrite"]
        words += ["--stripped"]
        capsys.readouterr()
        assert main(words) == 0
        return json.loads((out / "a_T2.json").read_text()), "".join(capsys.readouterr())

    return run


def test_a_scan_like_the_training_is_not_remarked(predicted):
    sidecar, printed = predicted({})
    assert sidecar["UnlikeTraining"] == []
    assert "unlike" not in printed


def test_a_scan_unlike_the_training_is_told(predicted):
    sidecar, printed = predicted({"log brain ml": 2.0, "log coarsest mm": -3.0})
    assert sidecar["UnlikeTraining"] == [Trait.BRAIN, Trait.VOXELS]
    remark = "T1 looks unlike the training scans (brain volume, voxel size)"
    assert f"but {remark}" in printed
    assert f"of 1 cases 1 should be looked at, a: {remark}" in printed


def test_a_contrast_that_is_another_one_is_told(predicted, monkeypatch):
    monkeypatch.setattr(unlike, "likely_names", lambda *_: SURE_T2)
    sidecar, printed = predicted({})
    assert sidecar["UnlikeTraining"] == [Trait.CONTRAST]
    assert sidecar["LooksLike"] == SURE_T2
    assert "contrast: like a T2" in printed


@pytest.mark.parametrize(
    ("likely", "contrast", "told"),
    [
        (SURE_T2, "T1", True),
        (SURE_T2, "T1ce", True),
        (SURE_T2, "T2", False),
        (SURE_T2, "SWI", False),
        (UNSURE, "T1", False),
    ],
)
def test_only_a_clear_contradiction_is_one(likely, contrast, told):
    assert (Trait.CONTRAST in unlike.unlike({}, {}, likely, contrast)) is told
    assert unlike.unlike({}, {}, {}, contrast) == ()


def test_nothing_unlike_is_no_sentence():
    assert str(Likeness("T1")) == ""


HALF = {"T1": 0.3, "T2": 0.3, "FLAIR": 0.4}


def look(texture, skew):
    return Look.of([{"log texture": texture + 0.02 * i, "skew": skew + 0.02 * i} for i in range(-4, 5)])


@pytest.mark.parametrize(("named", "told"), [("FLAIR", True), ("T1", False), ("T2", False)])
def test_the_training_scans_of_the_other_contrast_help_to_tell(named, told):
    """The base model is unsure; the scan lies amid the training's T1, far from its FLAIR; of T2 it has none."""
    looks = {"T1": look(-1.6, -0.4), "FLAIR": look(-1.2, 0.1)}
    numbers = {"log texture": -1.6, "skew": -0.4}
    assert (Trait.CONTRAST in unlike.unlike(looks, numbers, HALF, named)) is told
    assert Trait.CONTRAST not in unlike.unlike(looks, {}, HALF, named)
