"""hifisyn_predict from a folder of scans to a folder of synthetic volumes, and every way it may go wrong."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from hifisyn.base import shipped
from hifisyn.cli.predict import main
from hifisyn.cli.train import main as train
from hifisyn.errors import UserError
from hifisyn.files import sha256, write_json
from hifisyn.inference import predict as predicting
from hifisyn.inference import write as writing
from hifisyn.inference.models import find_models
from hifisyn.inference.outputs import FILES, Outputs
from hifisyn.inference.predictor import Predictor
from hifisyn.methods.hifisyn.trainer import HiFiSyn
from hifisyn.paths import model_folder
from hifisyn.plans import PreprocessingPlan, SlicePlan
from hifisyn.training import checkpoint, logbook, loop, summary
from hifisyn.training.contract import Trainer
from hifisyn.training.registry import method_name
from hifisyn.volume import Volume
from tests.support.training_toys import toy_dataset, toy_plans

TILT = np.deg2rad(10)
AFFINE = np.array(
    [
        [-2.5, 0, 0, 70],
        [0, 2.5 * np.cos(TILT), -3 * np.sin(TILT), -80],
        [0, 2.5 * np.sin(TILT), 3 * np.cos(TILT), -30],
        [0, 0, 0, 1],
    ]
)
SHAPE = (56, 68, 24)
SCALE = {"T1": 900.0, "T2": 600.0, "FLAIR": 700.0, "T1ce": 800.0}


SMALL = (
    "slices.size=80",
    "slices.crop=64",
    "slices.pixel_mm=2.5",
    "networks.n_down=2",
    "networks.content_blocks=1",
    "memory.slots={}",
    "memory.global_slots=4",
    "memory.value_width=8",
)


def make_model(
    results: Path,
    first: str,
    second: str,
    dataset: str = "toy",
    preprocessing: PreprocessingPlan | None = None,
    folds: Sequence[int] = (0,),
    trainer: type[Trainer] = HiFiSyn,
) -> Path:
    """Write a model folder with untrained weights."""
    known = ("T1", "T2", "FLAIR") if "T1ce" not in (first, second) else (first, second)
    plans = toy_plans(trainer, *(SMALL if trainer is HiFiSyn else SMALL[:3]), domains=known)
    own = {"dataset": dataset, "intensity_scale": SCALE, "preprocessing": preprocessing or PreprocessingPlan()}
    method = trainer.TITLE or f"{trainer.__module__}:{trainer.__name__}"
    plans = plans.model_copy(update=own | {"method": method})
    folder = model_folder(results, dataset, (first, second), method_name(method))
    pair = (min(first, second), max(first, second))
    for fold in folds:
        torch.manual_seed(fold)
        checkpoint.save(folder / f"fold_{fold}" / "checkpoint_best.pt", trainer(plans, pair))
    plans.save(folder / "plans.json")
    write_json(folder / "config.json", {"method": plans.method, "domains": list(pair), "dataset": dataset})
    return folder


def brain_scan(seed: int = 0) -> Volume:
    """A stripped scan: a textured ellipsoid on a tilted grid of thick slices, 0 around it."""
    rng = np.random.default_rng(seed)
    indices = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    inside = (indices**2).sum(0) < 0.75
    texture = 500 + 300 * np.sin(7 * indices[0]) * np.cos(5 * indices[1]) + rng.normal(0, 20, SHAPE)
    return Volume(np.where(inside, texture, 0).astype(np.float32), AFFINE)


def save_scan(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.rint(brain_scan(seed).data).astype(np.int16)
    image = nib.Nifti1Image(data, AFFINE)
    image.set_sform(AFFINE, code=1)
    image.set_qform(AFFINE, code=1)
    image.header["descrip"] = b"of the scanner"
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("results")
    make_model(root, "T1", "T2")
    make_model(root, "T1", "FLAIR")
    return root


@pytest.fixture(scope="module")
def model(results) -> Path:
    return results / "toy" / "T1_T2" / "HiFiSyn__plans__2d"


@pytest.fixture(scope="module")
def predictor(model) -> Predictor:
    return Predictor.from_folder(model, device="cpu")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, results) -> tuple[Path, Path, int]:
    """A cohort of three cases that lack different contrasts, completed by two models."""
    folder = tmp_path_factory.mktemp("cohort")
    for number, name in enumerate(("a_T1", "b_T1", "b_T2", "c_FLAIR")):
        save_scan(folder / "raw" / f"{name}.nii.gz", seed=number)
    code = main(["-i", f"{folder}/raw", "-o", f"{folder}/synth", "--results", str(results), "--device", "cpu"])
    return folder / "raw", folder / "synth", code


@pytest.fixture
def raw(tmp_path) -> Path:
    return save_scan(tmp_path / "raw" / "a_T1.nii.gz").parent


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch) -> None:
    """Draw no picture, except in the cohort that is finished before the first test."""
    monkeypatch.setattr(writing, "sheet", lambda path, *_, **__: path.write_bytes(b"a picture"))


class Half(nn.Module):
    """Makes 0.5 of anything."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.full_like(image, 0.5)


def load(path: Path) -> Any:
    return nib.load(path)


def predict(raw: Path, output: Path, model: Path, *more: str) -> int:
    return main(["-i", str(raw), "-o", str(output), "--model", str(model), "--device", "cpu", *more])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_each_case_gets_what_it_lacks(finished):
    raw, synth, code = finished
    assert code == 0
    made = [name for name in names(synth) if name.endswith(".json")]
    assert made == ["a_FLAIR.json", "a_T2.json", "b_FLAIR.json", "c_T1.json"]
    for stem in ("a_FLAIR", "a_T2", "b_FLAIR", "c_T1"):
        assert {f"{stem}.nii.gz", f"{stem}_brain.nii.gz", f"{stem}.png"} <= set(names(synth))
    assert len(names(synth)) == 16
    assert (synth / "a_T2.png").read_bytes()[:4] == b"\x89PNG"
    assert names(raw) == ["a_T1.nii.gz", "b_T1.nii.gz", "b_T2.nii.gz", "c_FLAIR.nii.gz"]


def test_the_volume_has_grid_and_header_of_its_source(finished):
    raw, synth, _ = finished
    before, after = load(raw / "a_T1.nii.gz"), load(synth / "a_T2.nii.gz")
    np.testing.assert_array_equal(after.affine, before.affine)
    header = {key: (before.header[key], after.header[key]) for key in before.header}
    same = {key for key, (x, y) in header.items() if x.tobytes() == y.tobytes()}
    assert set(header) - same == {"datatype", "bitpix", "descrip"}
    assert after.get_data_dtype() == np.float32
    assert after.header["descrip"].item() == b"synthetic T2 by hifisyn"


def test_intensities_are_scanner_units_in_the_brain_and_zero_elsewhere(finished):
    raw, synth, _ = finished
    image, mask = load(synth / "a_T2.nii.gz").get_fdata(), load(synth / "a_T2_brain.nii.gz").get_fdata() > 0
    assert (image[~mask] == 0).all()
    assert image.min() == 0
    assert 0 < image.max() <= SCALE["T2"]
    assert image[mask].std() > 1
    truth = load(raw / "a_T1.nii.gz").get_fdata() > 0
    overlap = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
    assert overlap > 0.98


def test_the_sidecar_says_what_made_it(finished, model):
    raw, synth, _ = finished
    record = json.loads((synth / "a_T2.json").read_text())
    weights = model / "fold_0" / "checkpoint_best.pt"
    expected = {
        "Synthetic": True,
        "Modality": "T2",
        "SourceModality": "T1",
        "SourceFile": "a_T1.nii.gz",
        "SourceSHA256": sha256(raw / "a_T1.nii.gz"),
        "Model": "HiFiSyn__plans__2d",
        "Method": "HiFiSyn",
        "TrainedOn": "toy",
        "Domains": ["T1", "T2"],
        "Fold": 0,
        "Checkpoint": "best",
        "CheckpointSHA256": sha256(weights),
        "IntensityScale": 600.0,
        "SkullStripped": True,
    }
    assert {key: record[key] for key in expected} == expected
    scan = load(raw / "a_T1.nii.gz").get_fdata()
    assert "ReplacedVoxels" not in record
    assert record["SourceIntensity"]["low"] == 0
    assert record["SourceIntensity"]["high"] == pytest.approx(np.percentile(scan[scan > 0], 99.5), rel=0.02)
    assert record["Versions"]["torch"] == torch.__version__
    assert "not for clinical use" in record["Note"]
    assert record["Command"].startswith("hifisyn_predict -i ")


def test_voxels_that_are_not_finite_are_counted_in_the_sidecar_and_told_once(results, tmp_path, caplog):
    path = save_scan(tmp_path / "raw" / "a_T1.nii.gz")
    image = nib.load(path)
    data = image.get_fdata(dtype=np.float32)  # type: ignore[attr-defined]
    data[0, 0, :5] = np.nan
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    out = tmp_path / "out"
    assert main(["-i", str(path.parent), "-o", str(out), "--results", str(results), "--device", "cpu"]) == 0
    for made in ("a_T2", "a_FLAIR"):
        assert json.loads((out / f"{made}.json").read_text())["ReplacedVoxels"] == 5
    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert [line.split(";")[0] for line in told] == [
        "a_T1.nii.gz must hold finite intensities (got 5 NaN or infinite voxels)"
    ]


def test_what_a_network_copies_lands_on_its_source(predictor, monkeypatch):
    monkeypatch.setattr(predictor.trainer, "translator", lambda source, target: nn.Identity())
    scan = brain_scan()
    made = predictor.predict(scan, "T1", "T2").image.data
    inside = scan.data > 0
    high = np.percentile(scan.data[inside], 99.5)
    wanted = np.clip(scan.data / high, 0, 1) * SCALE["T2"]
    assert np.corrcoef(made[inside], wanted[inside])[0, 1] > 0.98
    assert np.abs(made - wanted)[inside].mean() < 0.03 * SCALE["T2"]


def test_an_even_answer_fills_the_mask_evenly(predictor, monkeypatch):
    monkeypatch.setattr(predictor.trainer, "translator", lambda source, target: Half())
    made = predictor.predict(brain_scan(), "T1", "T2")
    np.testing.assert_allclose(made.image.data[made.brain.data > 0], 0.75 * SCALE["T2"], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["ms_raw/patient01/study1_T1W.nii.gz", "ms_mni/patient07/T2.nii.gz"])
def test_a_real_scan_lands_on_itself(name, predictor, monkeypatch):
    root = os.environ.get("HIFISYN_TEST_DATA")
    if not root:
        pytest.skip("HIFISYN_TEST_DATA is not set")
    sharp = predictor.plans.model_copy(update={"slices": SlicePlan(), "preprocessing": PreprocessingPlan(bias="never")})
    monkeypatch.setattr(predictor, "plans", sharp)
    monkeypatch.setattr(predictor.trainer, "translator", lambda source, target: nn.Identity())
    scan = Volume.load(Path(root) / name)
    made = predictor.predict(scan, "T1", "T2")
    brain = made.brain.data > 0
    assert 900 < brain.sum() * np.prod(scan.spacing) / 1000 < 1800
    assert (made.image.data[~brain] == 0).all()
    assert np.corrcoef(made.image.data[brain], scan.data[brain])[0, 1] > 0.97
    centred = made.image.data[brain] - made.image.data[brain].mean()
    for axis in range(3):
        shifted = np.roll(scan.data, 1, axis)[brain]
        assert (centred * shifted).mean() < (centred * scan.data[brain]).mean()


@pytest.mark.slow
def test_two_calls_are_bit_identical(predictor, model):
    scan = brain_scan()
    first, second = (p.predict(scan, "T1", "T2") for p in (predictor, Predictor.from_folder(model, device="cpu")))
    np.testing.assert_array_equal(first.image.data, second.image.data)
    np.testing.assert_array_equal(first.slices, second.slices)


def test_slices_alone(predictor):
    slices = np.random.default_rng(3).uniform(-1, 1, (5, 80, 80)).astype(np.float32)
    made = predictor.translate_slices(slices, "T1", "T2")
    assert made.shape == slices.shape
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1
    assert (made[:, :8] == -1).all()
    assert (made[:, :, 72:] == -1).all()
    np.testing.assert_array_equal(made[:, 8:72, 8:72], predictor.translate_slices(slices[:, 8:72, 8:72], "T1", "T2"))
    np.testing.assert_allclose(made, predictor.translate_slices(slices, "T1", "T2", batch=2), atol=1e-5)
    with pytest.raises(ValueError, match="within"):
        predictor.translate_slices(slices, "T1", "FLAIR")


def test_a_model_folder_alone_is_enough(raw, model, tmp_path, monkeypatch):
    for variable in ("hifisyn_raw", "hifisyn_preprocessed", "hifisyn_results", "hifisyn_home"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    copied = shutil.copytree(model, tmp_path / "elsewhere")
    assert predict(raw, tmp_path / "synth", copied) == 0
    assert names(tmp_path / "synth") == ["a_T2.json", "a_T2.nii.gz", "a_T2.png", "a_T2_brain.nii.gz"]


@pytest.mark.slow
def test_labels_beside_the_scan_change_nothing(raw, model, tmp_path, capsys):
    assert predict(raw, tmp_path / "without", model) == 0
    label = (brain_scan().data > 0).astype(np.uint8) * 3
    Volume(label, AFFINE).save(raw / "a_label.nii.gz")
    assert predict(raw, tmp_path / "with", model) == 0
    assert "left out: a_label.nii.gz" in capsys.readouterr().out
    first, second = (load(tmp_path / name / "a_T2.nii.gz").get_fdata() for name in ("without", "with"))
    np.testing.assert_array_equal(first, second)


def test_what_hifisyn_train_leaves_is_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "write_sheets", lambda *_: None)
    monkeypatch.setattr(summary, "write_sheets", lambda *_: None)
    monkeypatch.setattr(logbook, "draw", lambda *_: None)
    roots = toy_dataset(tmp_path)
    where = [f"--{name}={getattr(roots, name)}" for name in ("raw", "preprocessed", "results")]
    short = ["--epochs", "1", "--iterations", "2", "--device", "cpu"]
    assert train(["TOY", "T1", "T2", "fold1", "-tr", "tests.support.training_toys:Toy", *short, *where]) == 0
    (model,) = find_models(roots.results)
    predictor = Predictor.from_folder(model.folder, device="cpu")
    assert (model.domains, model.method) == (("T1", "T2"), "tests.support.training_toys:Toy")
    assert predictor.weights.checkpoints == (model.checkpoint(),)
    assert predictor.weights.folds == (1,)
    weights = torch.load(predictor.weights.checkpoints[0].file, weights_only=True)["networks"]
    networks = predictor.trainer.networks
    assert not any(network.training for network in networks.modules())
    assert networks.state_dict().keys() == weights.keys()
    for key, tensor in networks.state_dict().items():
        torch.testing.assert_close(tensor, weights[key], rtol=0, atol=0)


def test_one_file_of_any_name(model, tmp_path):
    scan = save_scan(tmp_path / "scan.nii.gz")
    assert predict(scan, tmp_path / "synth", model, "--source", "T1", "--target", "T2") == 0
    assert (tmp_path / "synth" / "scan_T2.nii.gz").exists()


@pytest.mark.slow
def test_one_bad_case_leaves_the_others(raw, model, tmp_path, capsys):
    good = save_scan(raw / "e_T1.nii.gz", seed=5)
    (raw / "b_T1.nii.gz").write_bytes(good.read_bytes()[:5000])
    image = load(good)
    broken = np.asarray(image.dataobj).astype(np.float32)
    broken[:] = np.nan
    nib.save(nib.Nifti1Image(broken, AFFINE), raw / "c_T1.nii.gz")
    nib.save(nib.Nifti1Image(np.stack([broken, broken], -1), AFFINE), raw / "d_T1.nii.gz")
    assert predict(raw, tmp_path / "synth", model) == 1
    assert [name for name in names(tmp_path / "synth") if name.endswith(".json")] == ["a_T2.json", "e_T2.json"]
    assert len(names(tmp_path / "synth")) == 8
    table = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert list(table) == ["b", "c", "d"]
    assert "broken file" in table["b"]
    assert "100% NaN" in table["c"]
    assert "must have three axes" in table["d"]


def test_our_own_mistake_in_a_case_is_shown_with_its_place(raw, model, tmp_path, monkeypatch, capsys):
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(writing, "sheet", fail)
    assert predict(raw, tmp_path / "synth", model) == 2
    assert "ZeroDivisionError: oops (test_predict.py, line" in capsys.readouterr().out
    assert names(tmp_path / "synth") == []


def test_a_full_disk_stops_the_run_and_leaves_nothing(raw, model, tmp_path, monkeypatch, capsys):
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "full", "synth")

    monkeypatch.setattr(writing, "write_json", full)
    assert predict(raw, tmp_path / "synth", model) == 2
    assert "synth cannot be written (got no space left" in capsys.readouterr().err
    assert names(tmp_path / "synth") == []


def test_no_permission_is_one_line_before_the_work(raw, model, tmp_path, monkeypatch, capsys):
    def refuse(*_: Any, **keywords: Any) -> None:
        raise PermissionError(errno.EACCES, "no", str(keywords["dir"]))

    monkeypatch.setattr(predicting, "generate_all", lambda *_: pytest.fail("work began"))
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert predict(raw, tmp_path / "synth", model) == 2
    assert "permission" in capsys.readouterr().err


@pytest.mark.slow
def test_existing_outputs_are_refused_before_the_work(raw, model, tmp_path, monkeypatch, capsys):
    synth = tmp_path / "synth"
    synth.mkdir()
    (synth / "a_T2.png").write_text("mine")
    save_scan(raw / "b_T1.nii.gz")
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "generate_all", lambda *_: pytest.fail("work began"))
        assert predict(raw, synth, model) == 2
    error = capsys.readouterr().err
    assert "a_T2" in error
    assert "--overwrite" in error
    assert names(synth) == ["a_T2.png"]
    assert predict(raw, synth, model, "--overwrite") == 0
    assert (synth / "a_T2.png").read_bytes() == b"a picture"


@pytest.mark.slow
def test_continue_keeps_what_is_finished_and_makes_the_rest(raw, model, tmp_path, capsys):
    synth = tmp_path / "synth"
    assert predict(raw, synth, model) == 0
    before = (synth / "a_T2.nii.gz").stat().st_mtime_ns
    save_scan(raw / "b_T1.nii.gz", seed=1)
    (synth / "b_T2.nii.gz").write_text("left by a killed run")
    assert predict(raw, synth, model, "--continue") == 0
    assert (synth / "a_T2.nii.gz").stat().st_mtime_ns == before
    assert "1 volume written, 1 kept, 0 failed" in capsys.readouterr().out
    assert load(synth / "b_T2.nii.gz").shape == SHAPE


@pytest.mark.slow
def test_several_cases_at_a_time_make_the_same(finished, results, tmp_path):
    raw, synth, _ = finished
    more = ["--results", str(results), "--device", "cpu", "-np", "2"]
    assert main(["-i", str(raw), "-o", str(tmp_path / "synth"), *more]) == 0
    assert names(tmp_path / "synth") == names(synth)
    for name in (name for name in names(synth) if name.endswith(".nii.gz")):
        one, other = (load(folder / name).get_fdata() for folder in (synth, tmp_path / "synth"))
        np.testing.assert_array_equal(one, other)


def test_a_scan_that_serves_two_models_is_prepared_once(raw, results, tmp_path, monkeypatch):
    prepared = []
    prepare = Predictor.prepare

    def counted(self: Predictor, *arguments: Any, **keywords: Any) -> Any:
        prepared.append(self)
        return prepare(self, *arguments, **keywords)

    monkeypatch.setattr(Predictor, "prepare", counted)
    assert main(["-i", str(raw), "-o", f"{tmp_path}/synth", "--results", str(results), "--device", "cpu"]) == 0
    assert len(names(tmp_path / "synth")) == 8
    assert len(prepared) == 1


def test_continue_refuses_outputs_of_another_scan(raw, model, tmp_path, capsys):
    assert predict(raw, tmp_path / "synth", model) == 0
    save_scan(raw / "a_T1.nii.gz", seed=9)
    assert predict(raw, tmp_path / "synth", model, "--continue") == 2
    assert "other scans or weights" in capsys.readouterr().err


def test_a_replacement_that_fails_leaves_the_old_files(tmp_path):
    outputs = Outputs(tmp_path, "a", "T2")
    outputs.image.write_text("old")

    def killed() -> None:
        with outputs.staged() as stage:
            stage.image.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert outputs.image.read_text() == "old"
    assert names(tmp_path) == ["a_T2.nii.gz"]


def test_a_replacement_cut_in_half_does_not_pass_for_finished(tmp_path, monkeypatch):
    outputs = Outputs(tmp_path, "a", "T2")
    for path in (outputs.image, outputs.brain, outputs.picture):
        path.touch()
    write_json(outputs.sidecar, {"Synthetic": True, FILES: {outputs.image.name: sha256(outputs.image)}})
    assert outputs.finished

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    def replace() -> None:
        with outputs.staged() as stage:
            stage.image.write_text("new")
            monkeypatch.setattr("os.replace", killed)

    with pytest.raises(KeyboardInterrupt):
        replace()
    assert not outputs.finished


def test_several_models_no_model_and_unknown_modality(raw, results, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shipped, "FILE", tmp_path / "not installed")
    synth = tmp_path / "synth"
    twice = shutil.copytree(results, tmp_path / "twice")
    shutil.copytree(twice / "toy", twice / "other")
    for folder, method in (("toy", "CycleGAN"), ("other", "MUNIT")):
        config = {"method": method, "domains": ["T1", "T2"], "dataset": folder}
        write_json(twice / folder / "T1_T2" / "HiFiSyn__plans__2d" / "config.json", config)
    for words, more in (
        ("choose with --model", ["--results", str(twice)]),
        ("comes with hifisyn", ["--results", str(tmp_path / "none")]),
        ("got PD", ["--results", str(results), "--target", "PD"]),
        ("got fold 0 best", ["--results", str(results), "--fold", "3"]),
        ("the fold must be fold0, 0 or all", ["--results", str(results), "--fold", "first"]),
        ("must be a model folder", ["--model", str(raw)]),
        ("--device must be one of this machine", ["--results", str(results), "--device", "tpu"]),
    ):
        assert main(["-i", str(raw), "-o", str(synth), *more]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert not synth.exists()


def test_two_files_for_one_case(raw, model, tmp_path, capsys):
    shutil.copy(raw / "a_T1.nii.gz", raw / "a_0000.nii.gz")
    assert predict(raw, tmp_path / "synth", model) == 2
    assert "case a must have one T1" in capsys.readouterr().err


def test_the_output_folder_is_not_the_inputs(raw, model, capsys):
    assert predict(raw, raw, model) == 2
    assert "another folder" in capsys.readouterr().err
    assert predict(raw, raw / "a_T1.nii.gz", model) == 2
    assert "must be a folder (got a file)" in capsys.readouterr().err
    assert names(raw) == ["a_T1.nii.gz"]


def test_broken_weights_stop_the_run_before_the_work(raw, model, tmp_path, capsys):
    copied = shutil.copytree(model, tmp_path / "model")
    weights = copied / "fold_0" / "checkpoint_best.pt"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert predict(raw, tmp_path / "synth", copied) == 2
    assert "got a broken file or one of another program" in capsys.readouterr().err
    assert not (tmp_path / "synth").exists()


def test_a_missing_scale_is_an_error(model, tmp_path):
    content = torch.load(model / "fold_0" / "checkpoint_best.pt", weights_only=True)
    content["plans"]["intensity_scale"] = {"T1": 900.0}
    copied = shutil.copytree(model, tmp_path / "model")
    torch.save(content, copied / "fold_0" / "checkpoint_best.pt")
    with pytest.raises(UserError, match="intensity_scale of T2"):
        Predictor.from_folder(copied, device="cpu").predict(brain_scan(), "T1", "T2")


def test_help_is_quick():
    began = time.monotonic()
    line = "from hifisyn.cli.predict import main; main(['-h'])"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, env=os.environ)
    assert "hifisyn_predict -i raw/ -o synth/" in done.stdout
    assert time.monotonic() - began < 3
