"""Several folds and weights that predict together, shifts, and the errors that a method expects."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hifisyn.cli.predict import main
from hifisyn.errors import UserError
from hifisyn.evaluation.pairs import find_pairs
from hifisyn.files import sha256
from hifisyn.inference import write as writing
from hifisyn.inference.models import Checkpoint, read_model
from hifisyn.inference.predictor import Predictor
from hifisyn.inference.weights import Weights, choose_weights
from hifisyn.preprocessing.neighbours import with_neighbours
from hifisyn.volume import Volume
from tests.inference.test_predict import SCALE, brain_scan, load, make_model, names, predict, save_scan
from tests.support import bids_tree
from tests.support.bids_validator import errors
from tests.support.predict_toys import Doubtful, expected


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch) -> None:
    monkeypatch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model of three folds; fold 0 has two checkpoints."""
    folder = make_model(tmp_path_factory.mktemp("results"), "T1", "T2", folds=(0, 1, 2))
    shutil.copy(folder / "fold_2" / "checkpoint_best.pt", folder / "fold_0" / "checkpoint_final.pt")
    return folder


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("doubtful"), "T1", "T2", trainer=Doubtful)


@pytest.fixture
def raw(tmp_path) -> Path:
    return save_scan(tmp_path / "raw" / "a_T1.nii.gz").parent


def slices(seed=3, count=5):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 64, 64)).astype(np.float32)


def made_by(model, fold=None, kind=None):
    return Predictor.from_folder(model, fold, kind, "cpu").translate_slices(slices(), "T1", "T2")


def sidecar(folder: Path) -> dict:
    return json.loads((folder / "a_T2.json").read_text())


@pytest.mark.slow
def test_folds_together_make_the_mean_of_each(model):
    single = [made_by(model, fold) for fold in (0, 1, 2)]
    assert np.abs(single[0] - single[1]).max() > 0.01
    np.testing.assert_allclose(made_by(model, [0, 1, 2]), np.mean(single, axis=0), atol=1e-6)
    np.testing.assert_array_equal(made_by(model, [1]), single[1])


def test_checkpoints_of_a_fold_together(model):
    each = [made_by(model, 0, kind) for kind in ("best", "final")]
    np.testing.assert_allclose(made_by(model, 0, ["best", "final"]), np.mean(each, axis=0), atol=1e-6)
    np.testing.assert_allclose(made_by(model, None, ["best", "final"]), np.mean(each, axis=0), atol=1e-6)


def test_shifts_are_those_of_the_networks_stride(model):
    predictor = Predictor.from_folder(model, device="cpu", tta=True)
    with torch.inference_mode():
        plain = predictor.trainer.translator("T1", "T2")
        image, answers = torch.from_numpy(slices())[:, None], []
        for mirror in (False, True):
            for down in (0, 2):  # a stride of 4
                for right in (0, 2):
                    moved = torch.full_like(image, -1)
                    seen = image.flip(-1) if mirror else image
                    moved[..., down:, right:] = seen[..., : 64 - down, : 64 - right]
                    back = plain(moved)[..., down:, right:]
                    back = torch.nn.functional.pad(back, (0, right, 0, down))
                    answers.append(back.flip(-1) if mirror else back)
    inner = (slice(None), slice(2, -2), slice(2, -2))
    wanted = torch.stack(answers).mean(dim=0)[:, 0].numpy()
    made = predictor.translate_slices(slices(), "T1", "T2")
    np.testing.assert_allclose(made[inner], wanted[inner], atol=1e-5)
    assert np.abs(made - made_by(model)).max() > 1e-3


@pytest.mark.slow
def test_together_is_deterministic_and_the_same_with_labels_or_none(raw, model, tmp_path):
    more = ("--fold", "0", "fold_2", "--tta")
    assert predict(raw, tmp_path / "one", model, *more) == 0
    Volume((brain_scan().data > 0).astype(np.uint8), brain_scan().affine).save(raw / "a_label.nii.gz")
    assert predict(raw, tmp_path / "two", model, *more) == 0
    one, two = (load(tmp_path / name / "a_T2.nii.gz").get_fdata() for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_the_sidecar_names_all_that_took_part(raw, model, tmp_path, capsys):
    assert predict(raw, tmp_path / "synth", model, "--fold", "0", "2", "--checkpoint", "best", "--tta") == 0
    assert "folds 0, 2, best checkpoints, shifts" in capsys.readouterr().out
    record = sidecar(tmp_path / "synth")
    assert (record["Fold"], record["Checkpoint"], record["TestTimeAugmentation"]) == ([0, 2], "best", True)
    assert record["Checkpoints"] == ["fold_0/checkpoint_best.pt", "fold_2/checkpoint_best.pt"]
    assert predict(raw, tmp_path / "plain", model) == 0
    plain = sidecar(tmp_path / "plain")
    assert (plain["Fold"], plain["Checkpoint"], plain["TestTimeAugmentation"]) == (0, "best", False)
    assert plain["CheckpointSHA256"] == sha256(model / "fold_0" / "checkpoint_best.pt")


def test_what_is_done_with_weights_is_part_of_their_digest(model):
    known = read_model(model)
    each = [
        choose_weights(known, folds, kinds, tta).fingerprint
        for folds, kinds, tta in (
            (0, None, False),
            (0, None, True),
            ([0, 1], None, False),
            (0, ["best", "final"], False),
        )
    ]
    assert len(set(each)) == 4
    assert choose_weights(known, [1, 0]).fingerprint == choose_weights(known, [0, 1]).fingerprint


def test_continue_makes_again_what_fewer_weights_made(raw, model, tmp_path, capsys):
    assert predict(raw, tmp_path / "synth", model) == 0
    assert predict(raw, tmp_path / "synth", model, "--continue", "--tta") == 2
    assert "other scans or weights" in capsys.readouterr().err


def test_weights_that_are_not_there_or_named_twice_are_one_line(raw, model, tmp_path, capsys):
    for more, words in (
        (["--fold", "0", "7"], "has no checkpoint of fold 7 (got fold 0 best"),
        (["--fold", "1", "2", "--checkpoint", "best", "final"], "has no final checkpoint of fold 1"),
        (["--fold", "1", "fold1"], "--fold must name each once (got 1 1)"),
    ):
        assert predict(raw, tmp_path / "synth", model, *more) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_weights_of_other_plans_or_contrasts_do_not_go_together(model, tmp_path):
    copied = shutil.copytree(model, tmp_path / "model")
    file = copied / "fold_1" / "checkpoint_best.pt"
    content = torch.load(file, weights_only=True)
    content["plans"]["length"]["epochs"] += 5
    torch.save(content, file)
    Predictor.from_folder(copied, [0, 1], device="cpu")
    content["plans"]["preprocessing"]["upper_percentile"] = 99.0
    torch.save(content, file)
    with pytest.raises(UserError, match=r"got other preprocessing.upper_percentile"):
        Predictor.from_folder(copied, [0, 1], device="cpu")
    Predictor.from_folder(copied, 1, device="cpu")
    content["domains"] = ["FLAIR", "T1"]
    torch.save(content, file)
    with pytest.raises(UserError, match=r"must have weights for T1 and T2 \(got FLAIR, T1\)"):
        Predictor.from_folder(copied, 1, device="cpu")


def test_words_of_weights():
    def of(*which, tta=False):
        return Weights(tuple(Checkpoint(fold, kind, Path()) for fold, kind in which), tta)

    one, shifted = of((0, "best")), of((0, "best"), tta=True)
    folds, kinds = of((0, "best"), (1, "best"), (2, "final"), tta=True), of((1, "best"), (1, "final"))
    assert [w.together for w in (one, shifted, folds, kinds)] == [
        "",
        "shifts",
        "folds 0, 1, 2, shifts",
        "fold 1, best and final",
    ]
    assert [w.key for w in (shifted, folds, kinds)] == ["fold_0_tta", "folds_0_1_2_tta", "fold_1_best_final"]
    assert str(one) == "fold 0, best checkpoint"


@pytest.mark.slow
def test_workers_load_the_same_weights(raw, model, tmp_path):
    save_scan(raw / "b_T1.nii.gz", seed=1)
    more = ("--fold", "0", "1", "--tta")
    assert predict(raw, tmp_path / "one", model, *more) == 0
    assert predict(raw, tmp_path / "two", model, *more, "-np", "2") == 0
    for name in ("a_T2.nii.gz", "b_T2.nii.gz"):
        one, two = (load(tmp_path / folder / name).get_fdata() for folder in ("one", "two"))
        np.testing.assert_array_equal(one, two)


def test_networks_that_look_around_are_given_the_neighbours(doubtful):
    predictor = Predictor.from_folder(doubtful, device="cpu")
    prepared = predictor.prepare(brain_scan(), "T1")
    made = predictor.predict(brain_scan(), "T1", "T2", prepared=prepared)
    assert prepared.covered.all()
    np.testing.assert_array_equal(made.slices[:-1], prepared.slices[1:])
    np.testing.assert_array_equal(made.slices[-1], prepared.slices[-1])
    windows = with_neighbours(prepared.slices, prepared.covered, [3], 1)
    np.testing.assert_array_equal(predictor.translate_slices(windows, "T1", "T2"), prepared.slices[4:5])
    with pytest.raises(ValueError, match="1 neighbours on each side"):
        predictor.translate_slices(prepared.slices, "T1", "T2")


def test_the_expected_error_is_in_scanner_units_on_the_scans_grid(doubtful):
    predictor, scan = Predictor.from_folder(doubtful, device="cpu"), brain_scan()
    made = predictor.predict(scan, "T1", "T2")
    error = made.expected_error
    assert error is not None
    assert error.data.dtype == np.float32
    assert error.same_grid(scan)
    inside = made.brain.data > 0
    assert (error.data[~inside] == 0).all()
    high = np.percentile(scan.data[scan.data > 0], 99.5)
    wanted = expected(np.clip(scan.data / high, 0, 1) * 2 - 1) * SCALE["T2"] / 2
    assert np.abs(error.data - wanted)[inside].mean() < 0.003 * SCALE["T2"]
    assert np.corrcoef(error.data[inside], wanted[inside])[0, 1] > 0.98


def test_around_the_networks_view_no_error_is_expected(doubtful):
    predictor = Predictor.from_folder(doubtful, device="cpu")
    windows = np.zeros((2, 3, 80, 80), np.float32)
    made = predictor.translate(windows, "T1", "T2").expected_error
    assert made is not None
    assert made.shape == (2, 80, 80)
    np.testing.assert_allclose(made[:, 8:72, 8:72], 0.2, rtol=1e-6)
    assert made.sum() == pytest.approx(0.2 * 2 * 64 * 64)


@pytest.mark.slow
def test_the_expected_error_is_written_beside_and_described(raw, doubtful, model, tmp_path):
    synth = tmp_path / "synth"
    assert predict(raw, synth, doubtful) == 0
    assert names(synth) == ["a_T2.json", "a_T2.nii.gz", "a_T2.png", "a_T2_brain.nii.gz", "a_T2_error.nii.gz"]
    error, image = (load(synth / name) for name in ("a_T2_error.nii.gz", "a_T2.nii.gz"))
    assert error.get_data_dtype() == np.float32
    np.testing.assert_array_equal(error.affine, image.affine)
    assert error.get_fdata().max() > 1
    assert "expect" in sidecar(synth)["ExpectedError"]
    assert [pair.name for pair in find_pairs(synth, raw)] == ["a_T2"]
    assert predict(raw, synth, model, "--overwrite") == 0
    assert names(synth) == ["a_T2.json", "a_T2.nii.gz", "a_T2.png", "a_T2_brain.nii.gz"]
    assert "ExpectedError" not in sidecar(synth)


@pytest.mark.slow
def test_the_expected_error_has_a_valid_name_in_derivatives(doubtful, tmp_path):
    raw, out = tmp_path / "cohort", tmp_path / "out"
    bids_tree.describe(raw, "A cohort", "raw", DatasetDOI="doi:10.0000/ds000001")
    (raw / "README").write_text("Ellipsoids in the layout of a cohort, made for tests. " * 4)
    save_scan(raw / "sub-01/anat/sub-01_T1w.nii.gz")
    words = ["-i", str(raw), "--bids-derivatives", str(out), "--model", str(doubtful), "--device", "cpu"]
    assert main(words) == 0
    stem = out / "sub-01/anat/sub-01_space-orig_desc-expectederror_T2w"
    assert stem.with_suffix(".nii.gz").exists()
    record = json.loads(stem.with_suffix(".json").read_text())
    assert record["SpatialReference"] == "bids:raw:sub-01/anat/sub-01_T1w.nii.gz"
    assert record["Synthetic"] is True
    assert errors(out) == []


def test_what_no_model_generates_is_shown_at_the_end(raw, model, tmp_path, capsys):
    assert predict(raw, tmp_path / "synth", model) == 0
    *_, gap, _, verdict = capsys.readouterr().out.splitlines()
    assert verdict == "verdict: T1 to T2 by HiFiSyn: not measurable without pairs"
    assert gap == (
        "1 case lacks FLAIR and has T1: no model of --model generates it; "
        "leave out --model to choose from all trained models, or train one: hifisyn_train toy T1 FLAIR fold0"
    )


@pytest.mark.slow
def test_the_chosen_training_is_logged(raw, tmp_path, capsys):
    first, second = (make_model(tmp_path / "results", "T1", "T2", dataset=name) for name in ("a", "b"))
    (second / "fold_0" / "metrics.csv").write_text("epoch,iteration\n1,1000000\n")
    more = ["--results", str(tmp_path / "results"), "--device", "cpu"]
    assert main(["-i", str(raw), "-o", str(tmp_path / "synth"), *more]) == 0
    shown = capsys.readouterr().out
    assert f"model: {second} (T1 <-> T2 by HiFiSyn trained on b), fold 0, best checkpoint\n" in shown
    assert f"chosen from 2 that fit, not {first}; --model chooses another" in shown
