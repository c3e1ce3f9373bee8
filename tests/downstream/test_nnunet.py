"""The real nnU-Net, as small as it gets, on two CPU cores."""

import json

import numpy as np
import pytest

from hifisyn.downstream.lesion import scores
from hifisyn.downstream.nnunet import NnUNet, TrainingCase, consecutive, renumbered
from hifisyn.downstream.nnunet_settings import NnUNetSettings
from hifisyn.downstream.scans import Scans
from hifisyn.errors import UserError
from hifisyn.preprocessing.aligned import AlignedStore
from hifisyn.volume import Volume
from tests.support.downstream_clinic import write_case
from tests.support.untrusted import doubt

CLASSES = {"CSF": 1}
SETTINGS = NnUNetSettings(epochs=8, iterations=8, size="small")


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    store = AlignedStore(tmp_path_factory.mktemp("aligned"))
    for seed, case in enumerate("abcx"):
        write_case(store, case, seed)
    return Scans(store)


def test_a_scan_whose_registration_is_not_trusted_has_no_labels(tmp_path):
    store = AlignedStore(tmp_path)
    write_case(store, "a", 0)
    scans = Scans(store)
    assert scans.has("a", "T1", "T2", labelled=True)
    doubt(store.record_path("a"), "T2")
    assert scans.has("a", "T1", labelled=True)
    assert not scans.has("a", "T2")


def case(scans, name, key=""):
    return TrainingCase(
        name, name, key or scans.key(name), lambda: (scans.real(name, "T2"), renumbered(scans.labels(name), CLASSES))
    )


@pytest.fixture(scope="module")
def trained(scans, tmp_path_factory):
    """A workspace after its training, and a folder that is the user's own."""
    mine = tmp_path_factory.mktemp("mine")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
            patch.setenv(name, str(mine))
        workspace = NnUNet(tmp_path_factory.mktemp("nnunet") / "T2", SETTINGS, "nnU-Net on real T2")
        workspace.train("T2", consecutive(CLASSES), [case(scans, name) for name in "abc"])
    return workspace, mine


@pytest.mark.slow
def test_it_learns_in_a_workspace_of_ours(trained, scans):
    workspace, mine = trained
    assert not list(mine.iterdir())
    raw = json.loads((workspace.folder / "raw" / "Dataset001_T2" / "dataset.json").read_text())
    assert raw["channel_names"] == {"0": "T2"}
    found = workspace.segment({"x": scans.real("x", "T2")})["x"]
    assert found.shape == scans.labels("x").shape
    assert scores(found, renumbered(scans.labels("x"), CLASSES).data, ["CSF"])["dice"] > 0.5


@pytest.mark.slow
def test_a_second_training_does_nothing_and_another_one_begins_anew(trained, scans, monkeypatch):
    workspace, _ = trained
    steps = []
    monkeypatch.setattr(NnUNet, "_run", lambda self, step, job: steps.append((step, json.loads(job.read_text()))))
    workspace.train("T2", consecutive(CLASSES), [case(scans, name) for name in "abc"])
    assert steps == []
    other = NnUNet(workspace.folder, SETTINGS, "again")
    (workspace.folder / "done.json").unlink()
    other.train("T2", consecutive(CLASSES), [case(scans, name) for name in "abc"])
    assert (workspace.folder / "results").exists(), "what a killed training left is kept"
    other.train("T2", consecutive(CLASSES), [case(scans, name, "changed") for name in "abc"])
    assert not (workspace.folder / "results").exists()
    assert [step for step, _ in steps] == ["train", "train"]


@pytest.mark.slow
def test_what_goes_wrong_in_nnunet_is_one_line(tmp_path, scans, monkeypatch):
    workspace = NnUNet(tmp_path / "w", SETTINGS, "nnU-Net on real T2")
    with pytest.raises(UserError, match="no training cases with T2 and labels"):
        workspace.train("T2", consecutive(CLASSES), [])
    with pytest.raises(UserError, match="no finished training"):
        workspace.segment({})
    odd = TrainingCase(
        "a", "a", "k", lambda: (scans.real("a", "T2"), scans.labels("a"))
    )  # has labels that are not declared
    with pytest.raises(UserError, match=r"nnU-Net on real T2: nnU-Net failed to train \(got .+\); see"):
        NnUNet(
            tmp_path / "v", NnUNetSettings(epochs=1, iterations=1, size="small", folds=(3,)), "nnU-Net on real T2"
        ).train("T2", consecutive(CLASSES), [odd])


def test_dice_is_nnunets_own(tmp_path):
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 3, (9, 8, 7)).astype(np.uint8) for _ in range(2)]
    for name, data in zip(("reference", "found"), maps, strict=True):
        Volume(data, np.diag([1.0, 2, 3, 1])).save(tmp_path / f"{name}.nii.gz")
    files = [str(tmp_path / f"{name}.nii.gz") for name in ("reference", "found")]
    theirs = compute_metrics(*files, SimpleITKIO(), [1, 2, 3])["metrics"]
    ours = scores(maps[1], maps[0], ["edema", "core", "absent"])
    assert ours["dice_edema"] == pytest.approx(theirs[1]["Dice"], abs=1e-6)
    assert ours["dice_core"] == pytest.approx(theirs[2]["Dice"], abs=1e-6)
    assert np.isnan(ours["dice_absent"])
    assert np.isnan(theirs[3]["Dice"])
    assert ours["dice"] == pytest.approx((theirs[1]["Dice"] + theirs[2]["Dice"]) / 2, abs=1e-6)
